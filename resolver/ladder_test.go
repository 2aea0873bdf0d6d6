package resolver

import (
	"strings"
	"testing"

	"bailiwick/transport"
	"bailiwick/wire"
)

// shown writes a form down: the transport, and what is in the query.
func (f form) shown() string {
	s := f.via.String()
	for _, part := range []struct {
		in   bool
		name string
	}{{f.edns, "EDNS"}, {f.edns && f.cookie, "cookie"}, {f.randomCase, "case"}} {
		if part.in {
			s += " " + part.name
		}
	}
	return s
}

// shown writes down what the infrastructure cache learns.
func (s conducts) shown() string {
	var out []string
	for _, one := range []struct {
		conduct
		name string
	}{{eventBad, "bad"}, {eventEDNS, "EDNS"}, {eventNoEDNS, "no EDNS"},
		{eventNoEDNSProven, "no EDNS, proven"}, {eventCaseKept, "case kept"},
		{eventCaseLost, "case lost"}, {eventCaseLostProven, "case lost, proven"},
		{eventNoCookie, "no cookie"}, {eventNoCookieProven, "no cookie, proven"},
		{eventPlainOnly, "plain only"}} {
		if s>>one.conduct&1 != 0 {
			out = append(out, one.name)
		}
	}
	return strings.Join(out, "; ")
}

// rung is what came of a recorded try, in the form that the ladder has to have chosen, and what is
// learnt from it.
type rung struct {
	form   string
	saw    []observation // one happening after the other, of the same try
	learnt string
}

// rcodeReply is a reply before its content is evaluated.
func rcodeReply(rc wire.RCode, opt bool) observation {
	return observation{what: sawReply, rcode: rc, opt: opt, question: true}
}

// fails is a reply that is a fault of the server.
func fails(rc wire.RCode, opt bool) []observation {
	r := rcodeReply(rc, opt)
	content, fault := r, r
	content.what, fault.what = sawContent, sawFault
	return []observation{r, content, fault}
}

// content is a usable reply of some worth.
func content(rc wire.RCode, opt bool, worth int8) []observation {
	r := rcodeReply(rc, opt)
	c := r
	c.what, c.worth = sawContent, worth
	return []observation{r, c}
}

// ladders are recordings: a server's profile, and the observations that lead from form to form.
var ladders = []struct {
	name    string
	known   profile
	outside observation // what all have: a signed zone
	rungs   []rung
}{{
	name: "a good answer at once",
	rungs: []rung{{"udp EDNS cookie case", content(wire.RCodeNoError, true, worthMuch),
		"EDNS; case kept"}},
}, {
	name: "RFC 6891, 7: FORMERR, so without EDNS",
	rungs: []rung{{"udp EDNS cookie case", fails(wire.RCodeFormErr, false)[:1], ""},
		{"udp EDNS", fails(wire.RCodeFormErr, false)[:1], "case kept"},
		{"udp case", content(wire.RCodeNoError, false, worthMuch), "no EDNS; case kept"}},
}, {
	name:  "RFC 6891, 7: of two observations over UDP none is proven, over TCP one is",
	known: profile{caseKept: true, edns: true},
	rungs: []rung{{"udp EDNS cookie case", fails(wire.RCodeFormErr, false)[:1], ""},
		{"udp EDNS case", fails(wire.RCodeFormErr, false)[:1], ""},
		{"tcp EDNS case", fails(wire.RCodeFormErr, false)[:1], ""},
		{"tcp case", content(wire.RCodeNoError, false, worthMuch), "no EDNS, proven"}},
}, {
	name:  "RFC 6891, 6.1.2: FORMERR with OPT is about the option",
	known: profile{caseKept: true, edns: true},
	rungs: []rung{{"udp EDNS cookie case", fails(wire.RCodeFormErr, true)[:1], ""},
		{"udp EDNS case", content(wire.RCodeNoError, true, worthMuch), "no cookie"}},
}, {
	name:    "CVE-2026-52690: a zone that is signed is not asked without EDNS",
	known:   profile{caseKept: true},
	outside: observation{secure: true},
	rungs: []rung{{"udp EDNS cookie case", fails(wire.RCodeFormErr, false)[:1], ""},
		{"udp EDNS case", fails(wire.RCodeFormErr, false)[:1], ""},
		{"tcp EDNS case", fails(wire.RCodeFormErr, false), ""}},
}, {
	name:  "CVE-2026-52690: a bogus answer without EDNS is asked for with it",
	known: profile{caseKept: true},
	rungs: []rung{{"udp EDNS cookie case", fails(wire.RCodeFormErr, false)[:1], ""},
		{"udp case", []observation{{what: sawBogus}}, ""},
		{"udp EDNS cookie case", []observation{{what: sawBogus}}, ""}},
}, {
	name: "RFC 2671, 5.3: SERVFAIL without OPT of a server that never showed EDNS",
	rungs: []rung{{"udp EDNS cookie case", fails(wire.RCodeServFail, false)[:2], ""},
		{"udp EDNS", fails(wire.RCodeServFail, false), "case kept"},
		{"udp case", content(wire.RCodeNoError, false, worthMuch), "no EDNS; case kept"}},
}, {
	name:  "RFC 2671, 5.3: SERVFAIL with OPT is the server's word",
	known: profile{caseKept: true},
	rungs: []rung{{"udp EDNS cookie case", fails(wire.RCodeServFail, true), "EDNS"}},
}, {
	name:  "RFC 2671, 5.3: and so is that of a server that has shown EDNS",
	known: profile{caseKept: true, edns: true, cookie: []byte("cookie")},
	rungs: []rung{{"udp EDNS cookie case", fails(wire.RCodeServFail, false), ""}},
}, {
	name:    "RFC 2671, 5.3: a zone that is signed is not asked without EDNS",
	known:   profile{caseKept: true},
	outside: observation{secure: true},
	rungs:   []rung{{"udp EDNS cookie case", fails(wire.RCodeServFail, false), ""}},
}, {
	name:  "RFC 5452, 9.1: an error without the question is asked again over TCP",
	known: profile{caseKept: true, edns: true, cookie: []byte("cookie")},
	rungs: []rung{{"udp EDNS cookie case", []observation{{what: sawFault,
		rcode: wire.RCodeRefused}}, ""},
		{"tcp EDNS cookie case", []observation{{what: sawFault, rcode: wire.RCodeRefused}}, ""}},
}, {
	name: "DNS 0x20: a denial to random letters is asked for in lower case",
	rungs: []rung{{"udp EDNS cookie case", content(wire.RCodeNXDomain, true, worthLittle), "EDNS"},
		{"udp EDNS", content(wire.RCodeNoError, true, worthMuch), "EDNS; plain only"}},
}, {
	name: "DNS 0x20: the same denial in lower case clears the server",
	rungs: []rung{{"udp EDNS cookie case", content(wire.RCodeNXDomain, true, worthLittle), "EDNS"},
		{"udp EDNS", content(wire.RCodeNXDomain, true, worthLittle), "EDNS; case kept"}},
}, {
	name:  "DNS 0x20: other letters over UDP lead to TCP, and without TCP to lower case",
	known: profile{edns: true},
	rungs: []rung{{"udp EDNS cookie case", []observation{{what: sawOtherCase}}, ""},
		{"tcp EDNS cookie case", []observation{{what: sawNoTCP}}, ""},
		{"udp EDNS cookie", content(wire.RCodeNoError, true, worthMuch), "case lost"}},
}, {
	name:  "RFC 7873, 5.3: BADCOOKIE is answered with the new cookie, then over TCP",
	known: profile{caseKept: true, edns: true, cookie: []byte("cookie")},
	rungs: []rung{
		{"udp EDNS cookie case", []observation{rcodeReply(wire.RCodeBadCookie, true)}, ""},
		{"udp EDNS cookie case", []observation{rcodeReply(wire.RCodeBadCookie, true)}, ""},
		{"tcp EDNS cookie case", content(wire.RCodeNoError, true, worthMuch), ""}},
}, {
	name:  "RFC 7873, 5.3: a known cookie that is missing leads to TCP after silence",
	known: profile{caseKept: true, edns: true, cookie: []byte("cookie")},
	rungs: []rung{{"udp EDNS cookie case", []observation{{what: sawSilence, strays: true}}, ""},
		{"tcp EDNS cookie case", []observation{{what: sawReply, opt: true, question: true,
			cookie: cookieWrong}}, "no cookie, proven"}},
}, {
	name:  "RFC 6891, 6.1.1: a denial without OPT, where EDNS is known, is due to the cookie",
	known: profile{caseKept: true, edns: true},
	rungs: []rung{{"udp EDNS cookie case", content(wire.RCodeNXDomain, false, worthLittle), ""},
		{"udp EDNS", content(wire.RCodeNoError, true, worthMuch), "no cookie"}},
}, {
	name:  "RFC 6891, 6.1.1: a denial with OPT is not asked for again",
	known: profile{caseKept: true, edns: true},
	rungs: []rung{{"udp EDNS cookie case", content(wire.RCodeNXDomain, true, worthLittle), ""}},
}, {
	name:  "RFC 2181, 9: what is truncated is asked for over TCP",
	known: profile{caseKept: true, edns: true},
	rungs: []rung{{"udp EDNS cookie case", []observation{{what: sawReply, truncated: true,
		opt: true, question: true}}, ""},
		{"tcp EDNS cookie", []observation{{what: sawNoTCP}}, "bad"}},
}, {
	name: "RFC 7766, 5: what cannot be read may have been cut, and is asked for over TCP",
	rungs: []rung{{"udp EDNS cookie case", []observation{{what: sawGarbled}}, ""},
		{"tcp EDNS cookie case", content(wire.RCodeNoError, true, worthMuch), "EDNS; case kept"}},
}, {
	name: "RFC 6891, 7: what cannot be read over TCP either is asked for without EDNS",
	rungs: []rung{{"udp EDNS cookie case", []observation{{what: sawGarbled}}, ""},
		{"tcp EDNS cookie case", []observation{{what: sawGarbled}}, ""},
		{"tcp case", []observation{{what: sawGarbled}}, ""}},
}, {
	name: "RFC 6891, 7: and so is what cannot be read where there is no TCP",
	rungs: []rung{{"udp EDNS cookie case", []observation{{what: sawGarbled}}, ""},
		{"tcp EDNS cookie case", []observation{{what: sawNoTCP}}, ""},
		{"udp case", content(wire.RCodeNoError, false, worthMuch), "no EDNS; case kept"}},
}, {
	name:  "CVE-2026-52690: what cannot be read takes no EDNS from a server that has shown it",
	known: profile{edns: true},
	rungs: []rung{{"udp EDNS cookie case", []observation{{what: sawGarbled}}, ""},
		{"tcp EDNS cookie case", []observation{{what: sawGarbled}}, ""}},
}, {
	name:    "CVE-2026-52690: nor from a zone that is signed",
	outside: observation{secure: true},
	rungs: []rung{{"udp EDNS cookie case", []observation{{what: sawGarbled}}, ""},
		{"tcp EDNS cookie case", []observation{{what: sawNoTCP}}, ""}},
}, {
	name: "silence proves nothing, and a reply to less is the weakest observation",
	rungs: []rung{{"udp EDNS cookie case", []observation{{what: sawSilence}}, ""},
		{"udp EDNS", content(wire.RCodeNoError, true, worthMuch), "EDNS; plain only"}},
}, {
	name:  "RFC 7873, 5.2: silence takes no cookie from a server that returns it, and no letters",
	known: profile{caseKept: true, edns: true, cookie: []byte("cookie")},
	rungs: []rung{{"udp EDNS cookie case", []observation{{what: sawSilence}}, ""},
		{"udp EDNS cookie case", content(wire.RCodeNoError, true, worthMuch), ""}},
}}

// The ladder is given what came of recorded tries; the forms that it chooses, and what the
// infrastructure cache is to learn, are compared.
func TestLadder(t *testing.T) {
	for _, c := range ladders {
		t.Run(c.name, func(t *testing.T) {
			to := &candidate{}
			for i, r := range c.rungs {
				f, plain := to.ladder.next(form{transport.UDP, true, true, true}, &c.known, false,
					c.outside.secure)
				if got := f.shown(); got != r.form {
					t.Fatalf("try %d: %s, want %s", i+1, got, r.form)
				}
				x := &try{sending: sending{c: to, how: f, p: c.known}, mixed: f.randomCase,
					plain: plain}
				learnt, again := conducts(0), false
				for _, o := range r.saw {
					o.secure = c.outside.secure
					if o.what == sawReply {
						learnt |= o.proves(x)
					}
					v := to.ladder.step(x, o)
					learnt |= v.learnt
					again = again || v.again
				}
				if silent := r.saw[0].what == sawSilence && !r.saw[0].strays; !silent &&
					again != (i < len(c.rungs)-1) {
					t.Errorf("try %d: again %v", i+1, again)
				}
				if got := learnt.shown(); got != r.learnt {
					t.Errorf("try %d: learnt %q, want %q", i+1, got, r.learnt)
				}
			}
		})
	}
}

// A reply that was in doubt is used if the server's next one cannot be read, as where none comes: a
// denial is better than nothing.
func TestUnreadableReplyLeavesTheOneInDoubt(t *testing.T) {
	known, to := profile{edns: true}, &candidate{}
	var first *try
	for i, saw := range [][]observation{content(wire.RCodeNXDomain, true, worthLittle),
		{{what: sawGarbled}}, {{what: sawGarbled}}} {
		f, _ := to.ladder.next(form{transport.UDP, true, true, true}, &known, false, false)
		x := &try{sending: sending{c: to, how: f, p: known}, mixed: f.randomCase}
		if i == 0 {
			first = x
		}
		var v verdict
		for _, o := range saw {
			v = to.ladder.step(x, o)
		}
		if last := i == 2; v.again == last || (v.use == first) != last {
			t.Errorf("try %d, %s: again %v, the first reply is used: %v", i+1, f.shown(), v.again,
				v.use == first)
		}
	}
}

// A reply in random letters that verifies shows nothing against letters, whatever did not verify
// before it in another form.
func TestDNS0x20VerifiedReplyInRandomLettersIsNoWitness(t *testing.T) {
	for _, mixed := range []bool{true, false} {
		to := &candidate{ladder: ladder{lettered: true}}
		v := to.ladder.step(&try{sending: sending{c: to}, mixed: mixed},
			observation{what: sawVerified, proven: true})
		if lost := v.learnt == setOf(eventCaseLostProven); lost == mixed {
			t.Errorf("mixed %v: learnt %q", mixed, v.learnt.shown())
		}
	}
}
