// Where validation is not wanted, or not as it is.

package fieldreports

import (
	"testing"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
	"bailiwick/resolver"
	"bailiwick/trustanchor"
	"bailiwick/wire"
)

func TestExceptions(t *testing.T) { play(t, exceptions) }

// except makes an exception for a zone.
func except(zone string, e trustanchor.Exception) func(*trustanchor.Set) {
	return func(s *trustanchor.Set) { s.Except(wire.MustParseName(zone), e) }
}

// told wants a response with an Extended DNS Error.
func told(code uint16) func(*testing.T, *dns.Msg) {
	return func(t *testing.T, m *dns.Msg) {
		for _, o := range m.IsEdns0().Option {
			if e, ok := o.(*dns.EDNS0_EDE); ok && e.InfoCode == code {
				return
			}
		}
		t.Errorf("EDE %d is missing: %v", code, m.IsEdns0().Option)
	}
}

var exceptions = []report{{
	name: "a negative trust anchor lets the names of a forward zone resolve",
	seen: "PowerDNS/pdns 8513; opnsense/plugins 5549; inkblot/puppet-bind 30",
	situation: "A top level domain of one's own, which the signed root does not have, is " +
		"forwarded to a server that knows no DNSSEC, and has a negative trust anchor.",
	why: "Nothing at and below a negative trust anchor is validated (RFC 7646, section 2), " +
		"whatever the zones above it prove.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "bit.", Algorithm: lab.Unsigned, Records: "www A 192.0.2.1",
			Servers: []lab.ServerFaults{{lab.Stripping}}})
	},
	config:   forward("bit."),
	trusting: except("bit.", trustanchor.Negative),
	steps: []step{
		good("www.bit. A", "NOERROR", "www.bit. A 192.0.2.1").checked(told(33)),
		empty("no.bit. A", "NXDOMAIN").checked(told(33)),
		empty("www.bit. AAAA", "NOERROR"),
		good("www.bit. A", "NOERROR", "www.bit. A 192.0.2.1").packets(noPackets),
	},
}, {
	name: "without an exception such a zone fails for a cause of its own",
	seen: "opnsense/plugins 5549",
	situation: "A zone that is signed for the public is forwarded to a server inside, which has " +
		"its own, unsigned version of it.",
	why: "The DS of the parent demands signatures (RFC 4035, section 5.2). The log names the " +
		"zone and the two remedies, as the answer alone does not show what is wrong.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "inside.example.", Records: "www A 192.0.2.1",
			Servers: []lab.ServerFaults{{lab.Stripping}}, Faults: lab.Faults{lab.NoKeys}})
	},
	config: forward("inside.example."),
	steps: []step{
		fails("www.inside.example. A", cause.SplitHorizon),
		fails("www.inside.example. A", cause.SplitHorizon).packets(noPackets),
	},
}, {
	name: "the denial of a filter passes where the tree is permissive",
	seen: "NLnetLabs/unbound 1508",
	situation: "All names are forwarded to a resolver that blocks some by an NXDOMAIN of its " +
		"own, without an SOA and without a proof.",
	why: "A permissive zone serves what does not verify. Names that the filter does not block " +
		"resolve as ever.",
	world: func(w *lab.World) {
		signed(w, "filtered.example.", "www A 192.0.2.1;;bad A 192.0.2.2")
		w.Script = func(in lab.Incoming) (lab.Reply, bool) {
			if in.Question().Name != "bad.filtered.example." {
				return lab.Reply{}, false
			}
			m := new(dns.Msg).SetRcode(in.Query, dns.RcodeNameError)
			m.RecursionAvailable, m.Authoritative = true, true
			return lab.Messages(m), true
		}
	},
	config: func(c *resolver.Config) {
		c.CaseRandomisation = false
		forward("filtered.example.")(c)
	},
	trusting: except(".", trustanchor.Permissive),
	steps: []step{
		empty("bad.filtered.example. A", "NXDOMAIN"),
		good("www.filtered.example. A", "NOERROR", "www.filtered.example. A 192.0.2.1"),
	},
}, {
	name:      "an answer of a permissive zone comes with the reason why it did not verify",
	seen:      "NLnetLabs/unbound 1434; PowerDNS/pdns 16295",
	situation: "A zone whose signatures have expired is served all the same.",
	why: "RFC 8914, section 4.8: the code may come with any RCODE. The client sees that the " +
		"answer was not validated, and why.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "late.", Faults: lab.Faults{lab.Expired}, Records: "www A 192.0.2.1"})
	},
	trusting: except("late.", trustanchor.Permissive),
	steps: []step{
		good("www.late. A", "NOERROR", "www.late. A 192.0.2.1").checked(told(7)),
		good("www.late. A", "NOERROR", "www.late. A 192.0.2.1").checked(told(7)),
		good("www.late. A", "NOERROR", "www.late. A 192.0.2.1").checked(told(7)).
			packets(noPackets),
	},
}, {
	name: "zones that are signed with RSA/SHA-1 alone are insecure, and resolve",
	seen: "PowerDNS/pdns 12890; NLnetLabs/unbound 656, 983 and 1108; systemd/systemd 19824; " +
		"TechnitiumSoftware/DnsServer 1217; libreswan/libreswan 1452",
	situation: "The system's policy forbids SHA-1 in signatures, and zones signed with " +
		"algorithms 5 and 7 do not resolve any more.",
	why: "RFC 9905, section 2: they are treated as not supported, which makes the zone insecure, " +
		"and not bogus (RFC 6840, section 5.2).",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "five.", Algorithm: dns.RSASHA1, Bits: 1024,
			Records: "www A 192.0.2.5"})
		w.Add(lab.Zone{Name: "seven.", Algorithm: dns.RSASHA1NSEC3SHA1, Bits: 1024,
			Denial: lab.NSEC3, Records: "www A 192.0.2.7"})
	},
	steps: []step{
		good("www.five. A", "NOERROR", "www.five. A 192.0.2.5").checked(told(1)),
		good("www.seven. A", "NOERROR", "www.seven. A 192.0.2.7").checked(told(1)),
		empty("no.seven. A", "NXDOMAIN"),
		empty("www.seven. AAAA", "NOERROR"),
	},
}}
