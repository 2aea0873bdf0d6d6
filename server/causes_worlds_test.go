// Causes whose worlds, settings or machines are their own, for TestEveryCauseIsProduced.

package server_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
	"bailiwick/resolver"
	"bailiwick/server"
	"bailiwick/transport"
	"bailiwick/trustanchor"
	"bailiwick/wire"
)

// inWorlds are causes that take a world, settings or a machine of their own.
func inWorlds() []produced {
	const a, ok, fail = dns.TypeA, dns.RcodeSuccess, dns.RcodeServerFailure
	const secure, expired = "www.secure.example.", "www.expired.faulty."
	except := func(e trustanchor.Exception) func(*resolver.Parts) {
		return func(p *resolver.Parts) {
			p.Anchors.Except(wire.MustParseName("expired.faulty."), e)
		}
	}
	anchor := func(p *resolver.Parts) {
		p.Anchors = &trustanchor.Set{}
		_ = p.Anchors.Add(". IN DS 1 13 2 ABCDEF") // it can match no key
	}
	clock := func(by time.Duration) func(*front) {
		return func(f *front) { f.clock.Step(by) }
	}
	whole := func(c *resolver.Config) { c.Minimise = resolver.MinimiseOff }
	const year = 365 * 24 * time.Hour
	return []produced{
		{cause: cause.SignatureLabels, name: "x.tree.wild.example.", qtype: dns.TypeDNAME,
			rcode: fail, metric: servfails, text: "x.tree.wild.example./DNAME",
			world: func(w *lab.World) {
				w.Add(lab.Zone{Name: "wild.example.", Records: "*.tree DNAME deep"})
			}},
		{cause: cause.KeyRefused, name: secure, qtype: a, rcode: fail, metric: servfails,
			text: "secure.example. ", world: refusedKey(true)},
		{cause: cause.KeysRefused, name: secure, qtype: a, rcode: ok, metric: failures,
			text: "secure.example. ", world: refusedKey(false)},
		{cause: cause.KeyTagCollision, name: secure, qtype: a, rcode: fail, metric: servfails,
			text: "www.secure.example./A key {k}", world: keysOfOneTag},
		{cause: cause.AnchorMismatch, name: secure, qtype: a, rcode: fail, metric: servfails,
			text: "DS 1, DNSKEY {k}", parts: anchor},
		{cause: cause.RecordMalformed, name: secure, qtype: a, rcode: fail, metric: servfails,
			text: "www.secure.example./A", world: malformedRecord},
		{cause: cause.AlgorithmMissing, name: secure, qtype: a, rcode: fail, metric: servfails,
			text: "secure.example. ", world: secondAlgorithm,
			resolving: func(c *resolver.Config) { c.Validation.AllAlgorithms = true }},
		{cause: cause.SplitHorizon, name: "www.private.secure.example.", qtype: a, rcode: fail,
			metric: servfails, text: "private.secure.example.", world: unsignedInside,
			resolving: stub("private.secure.example.", transport.UDP)},
		{cause: cause.ClockAhead, name: secure, qtype: a, rcode: fail, metric: servfails,
			text: "./DNSKEY key {k} expired {d}", front: clock(20 * year)},
		{cause: cause.ClockBehind, name: secure, qtype: a, rcode: fail, metric: servfails,
			text: "./DNSKEY key {k} begins {d}", front: clock(-2 * year)},
		{cause: cause.NegativeAnchor, name: expired, qtype: a, rcode: ok, metric: failures,
			parts: except(trustanchor.Negative)},
		{cause: cause.ValidationOff, name: expired, qtype: a, rcode: ok,
			metric: responses, labels: "rcode=NOERROR", parts: except(trustanchor.Insecure)},
		{cause: cause.Permissive, name: expired, qtype: a, rcode: ok, under: cause.SignatureExpired,
			metric: "bailiwick_unvalidated_answers_total", labels: "cause=signature_expired",
			text: "/A key {k} expired {d}", parts: except(trustanchor.Permissive)},
		{cause: cause.TimeServer, name: secure, qtype: a, rcode: ok, under: cause.ClockAhead,
			metric: "bailiwick_unvalidated_answers_total", labels: "cause=clock_ahead",
			front: clock(20 * year), resolving: func(c *resolver.Config) {
				c.TimeServers = []wire.Name{wire.MustParseName(secure)}
			}},
		{cause: cause.Spoofed, name: "www.plain.", qtype: a, rcode: fail, metric: servfails,
			text: "plain. ", world: withoutQuestion},
		{cause: cause.ServerIdentity, name: "www.plain.", qtype: a, rcode: fail,
			metric: servfails, text: "plain. ", world: fails(transport.ErrIdentity),
			resolving: stub("plain.", transport.DoT)},
		{cause: cause.LocalResources, name: "www.plain.", qtype: a, rcode: fail,
			metric: limits, text: "", world: fails(transport.ErrLocal)},
		{cause: cause.UplinkDown, name: "www.plain.", qtype: a, rcode: fail, metric: servfails,
			world: func(w *lab.World) {
				w.Path = func(lab.Incoming, lab.Reply) lab.Reply {
					return lab.Reply{Err: transport.ErrNoNetwork}
				}
			}},
		{cause: cause.NoServers, name: "www.inner.plain.", qtype: a, rcode: fail,
			metric: servfails, text: "inner.plain.", world: glue("0.0.0.0")},
		{cause: cause.PrivateServers, name: "www.inner.plain.", qtype: a, rcode: fail,
			metric: servfails, text: "inner.plain.", world: glue("10.1.2.3"),
			parts: func(p *resolver.Parts) { p.Routes = farRoutes{} }},
		{cause: cause.NoAddress, name: "www.inner.plain.", qtype: a, rcode: fail,
			metric: servfails, text: "inner.plain.", world: glue("")},
		{cause: cause.NotHeld, name: "www.corp.", qtype: a, rcode: fail, metric: servfails,
			text: "corp.", resolving: func(c *resolver.Config) {
				c.Zones = []resolver.Zone{{Name: wire.MustParseName("corp."), Held: true}}
			}},
		{cause: cause.Overload, name: "www.dead.faulty.", qtype: a, rcode: fail, metric: limits,
			resolving: func(c *resolver.Config) { c.MaxFlights = 1 },
			front: func(f *front) { // another client comes a moment later
				time.AfterFunc(100*time.Millisecond, func() { f.ask(secure, a, edns(true)) })
			}},
		{cause: cause.LimitClient, name: secure, qtype: a, rcode: fail, metric: limits,
			front: func(f *front) {
				for i := range server.MaxPerPrefix {
					f.call(fmt.Sprintf("n%d.dead.faulty.", i), a)
				}
			}},
		{cause: cause.LimitTime, name: strings.Repeat("a.", 100) + "plain.", qtype: a,
			rcode: fail, metric: limits, world: everDeeper(300 * time.Millisecond),
			resolving: whole},
		{cause: cause.LimitReferrals, name: strings.Repeat("a.", 100) + "plain.", qtype: a,
			rcode: fail, metric: limits, world: everDeeper(0), resolving: whole},
		{cause: cause.LimitDepth, name: "www.z0.plain.", qtype: a, rcode: fail, metric: limits,
			world: everElsewhere},
		{cause: cause.LimitNSEC3, name: "no.nsec3.example.", qtype: a, rcode: fail,
			metric: limits, text: "nsec3.example.", world: manyHashes},
		{cause: cause.AliasTooLong, name: strings.Repeat("x23456789.", 8) + "d.plain.",
			qtype: a, rcode: dns.RcodeYXDomain, metric: limits, world: tooLong},
		{cause: cause.StaleAnswer, name: "www.plain.", qtype: a, rcode: ok,
			under:  cause.ServerFailed,
			metric: "bailiwick_stale_answers_total", labels: "reason=failed",
			front: later("www.plain.")},
		{cause: cause.StaleNXDomain, name: "no.plain.", qtype: a, rcode: dns.RcodeNameError,
			under: cause.ServerFailed, metric: "bailiwick_stale_answers_total",
			labels: "reason=failed", front: later("no.plain.")},
	}
}

// farRoutes are routes that lead to no private network.
type farRoutes struct{}

func (farRoutes) Lead(netip.Addr) bool    { return false }
func (farRoutes) Families() (v4, v6 bool) { return true, false }

// stub has the servers of plain. asked for a zone. Their address is the same in each lab.
func stub(zone string, via transport.Protocol) func(*resolver.Config) {
	return func(c *resolver.Config) {
		at := lab.Internet(time.Now()).AddressOf("plain.")
		z := resolver.Zone{Name: wire.MustParseName(zone), Via: via,
			Addrs: []netip.AddrPort{netip.AddrPortFrom(at, 53)}}
		if via.Encrypted() {
			z.Peer = &transport.Peer{Name: "dns.example"}
		}
		c.Zones = []resolver.Zone{z}
	}
}

// secureKeys returns the keys of secure.example.
func secureKeys(w *lab.World) (keys []dns.RR) {
	for _, rr := range askLab(w, "secure.example.", dns.TypeDNSKEY).Answer {
		if _, ok := rr.(*dns.DNSKEY); ok {
			keys = append(keys, rr)
		}
	}
	return keys
}

// publishes has secure.example. publish other keys, signed by its own, beside what w.Script does.
func publishes(w *lab.World, keys ...dns.RR) {
	inner := w.Script
	w.Script = func(in lab.Incoming) (lab.Reply, bool) {
		if in.Server != w.AddressOf("secure.example.") || in.Question().Qtype != dns.TypeDNSKEY {
			return inner(in)
		}
		m := in.Honest()
		m.Answer = append(keys, w.Sign("secure.example.", keys...)...)
		return lab.Messages(m), true
	}
}

// refusedKey has the DS set of secure.example. name an RSA key with an exponent of 36 bits, and, if
// other, a key that is not there.
func refusedKey(other bool) func(*lab.World) {
	return func(w *lab.World) {
		public := append([]byte{5, 0x0F, 0, 0, 0, 1}, make([]byte, 128)...)
		public[6], public[len(public)-1] = 0x80, 1
		own := secureKeys(w)
		key := dns.Copy(own[0]).(*dns.DNSKEY)
		key.Algorithm = dns.RSASHA256
		key.PublicKey = base64.StdEncoding.EncodeToString(public)
		set := []*dns.DS{key.ToDS(dns.SHA256)}
		if other {
			ds := own[0].(*dns.DNSKEY).ToDS(dns.SHA256)
			ds.Digest = strings.Repeat("ab", 32)
			set = append(set, ds)
		}
		replaceDS(w, set...)
		publishes(w, append(own, key)...)
	}
}

// keysOfOneTag has secure.example. publish RSA keys of one tag, none of which has made the
// signature over its data: a tag is a sum of 16-bit words, whose order does not matter (RFC 4034,
// appendix B).
func keysOfOneTag(w *lab.World) {
	keys := secureKeys(w)
	var of *dns.DNSKEY
	for i := range 3 {
		public := append([]byte{1, 3}, bytes.Repeat([]byte{0x81, 0x83}, 64)...)
		public[2+4*i]--
		of = dns.Copy(keys[0]).(*dns.DNSKEY)
		of.Algorithm = dns.RSASHA256
		of.PublicKey = base64.StdEncoding.EncodeToString(public)
		keys = append(keys, of)
	}
	changed(w, "secure.example.", "www.secure.example.", func(_ lab.Incoming, m *dns.Msg) {
		for _, rr := range m.Answer {
			if sig, ok := rr.(*dns.RRSIG); ok {
				sig.Algorithm, sig.KeyTag = of.Algorithm, of.KeyTag()
				sig.Signature = base64.StdEncoding.EncodeToString(
					bytes.Repeat([]byte{0x40}, 130))
			}
		}
	})
	publishes(w, keys...)
}

// secondAlgorithm has the DS set of secure.example. name a key of another algorithm as well, which
// signs nothing.
func secondAlgorithm(w *lab.World) {
	own := secureKeys(w)[0].(*dns.DNSKEY)
	other := dns.Copy(own).(*dns.DNSKEY)
	other.Algorithm, other.PublicKey = dns.ED25519, own.PublicKey[:43]+"="
	replaceDS(w, own.ToDS(dns.SHA256), other.ToDS(dns.SHA256))
	publishes(w, own, other)
}

// changed has the servers of a zone change their answers for names at and below one.
func changed(w *lab.World, zone, top string, change func(lab.Incoming, *dns.Msg)) {
	w.Script = func(in lab.Incoming) (lab.Reply, bool) {
		if in.Server != w.AddressOf(zone) ||
			!dns.IsSubDomain(top, strings.ToLower(in.Question().Name)) {
			return lab.Reply{}, false
		}
		m := in.Honest()
		change(in, m)
		return lab.Messages(m), true
	}
}

// malformedRecord has a set with a record of five octets, and a signature that does not verify.
func malformedRecord(w *lab.World) {
	changed(w, "secure.example.", "www.secure.example.", func(in lab.Incoming, m *dns.Msg) {
		for _, rr := range m.Answer {
			if sig, ok := rr.(*dns.RRSIG); ok {
				sig.Signature = "AAAA" + sig.Signature[4:]
			}
		}
		m.Answer = append(m.Answer, &dns.RFC3597{Hdr: dns.RR_Header{Name: in.Question().Name,
			Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 300}, Rdata: "0102030405"})
	})
}

// unsignedInside has the servers of plain. answer for private.secure.example. without signatures.
func unsignedInside(w *lab.World) {
	at := w.AddressOf("plain.")
	w.Script = func(in lab.Incoming) (lab.Reply, bool) {
		if in.Server != at {
			return lab.Reply{}, false
		}
		m := new(dns.Msg).SetReply(in.Query)
		m.Authoritative = true
		if q := in.Question(); q.Qtype == dns.TypeA {
			m.Answer = append(m.Answer, &dns.A{Hdr: dns.RR_Header{Name: q.Name, Rrtype: q.Qtype,
				Class: q.Qclass, Ttl: 300}, A: net.IPv4(10, 0, 0, 80)})
		}
		return lab.Messages(m), true
	}
}

// withoutQuestion has the servers of plain. leave the question out.
func withoutQuestion(w *lab.World) {
	changed(w, "plain.", "plain.", func(_ lab.Incoming, m *dns.Msg) { m.Question = nil })
}

// fails has questions to the servers of plain. fail here, before they reach one.
func fails(err error) func(*lab.World) {
	return func(w *lab.World) {
		at := w.AddressOf("plain.")
		w.Script = func(in lab.Incoming) (lab.Reply, bool) {
			return lab.Reply{Err: err}, in.Server == at
		}
	}
}

// refers makes a reply that refers to one server of a zone, with an address unless glue is "".
func refers(in lab.Incoming, cut, ns, glue string) *dns.Msg {
	m := new(dns.Msg).SetReply(in.Query)
	m.SetEdns0(1232, true)
	m.Ns = []dns.RR{&dns.NS{Hdr: dns.RR_Header{Name: cut, Rrtype: dns.TypeNS,
		Class: dns.ClassINET, Ttl: 300}, Ns: ns}}
	if glue != "" {
		m.Extra = append(m.Extra, &dns.A{Hdr: dns.RR_Header{Name: ns, Rrtype: dns.TypeA,
			Class: dns.ClassINET, Ttl: 300}, A: net.ParseIP(glue)})
	}
	return m
}

// glue delegates inner.plain. to a server with an address; without one, to a name that plain. has
// no address of.
func glue(address string) func(*lab.World) {
	return func(w *lab.World) {
		ns := "ns.inner.plain."
		if address == "" {
			ns = "nowhere.plain."
		}
		changed(w, "plain.", "inner.plain.", func(in lab.Incoming, m *dns.Msg) {
			*m = *refers(in, "inner.plain.", ns, address)
		})
	}
}

// everDeeper has each reply of the servers of plain. refer one label deeper, to the same server,
// after a time.
func everDeeper(after time.Duration) func(*lab.World) {
	return func(w *lab.World) {
		at, depth := w.AddressOf("plain."), 0
		w.Script = func(in lab.Incoming) (lab.Reply, bool) {
			if in.Server != at {
				return lab.Reply{}, false
			}
			depth++
			name := in.Question().Name
			cut := name[max(0, len(name)-len("plain.")-2*depth):]
			return lab.Messages(refers(in, cut, "ns."+cut, at.String())).After(after), true
		}
	}
}

// everElsewhere has the server of each zone in plain. named in another zone.
func everElsewhere(w *lab.World) {
	at := w.AddressOf("plain.")
	w.Script = func(in lab.Incoming) (lab.Reply, bool) {
		labels := dns.SplitDomainName(strings.ToLower(in.Question().Name))
		var n int
		if in.Server != at || len(labels) < 2 {
			return lab.Reply{}, false
		}
		cut := labels[len(labels)-2]
		if _, err := fmt.Sscanf(cut, "z%d", &n); err != nil {
			return lab.Reply{}, false
		}
		return lab.Messages(refers(in, cut+".plain.", fmt.Sprintf("ns.z%d.plain.", n+1), "")), true
	}
}

// manyHashes has the denials of nsec3.example. come with more NSEC3 records than are looked at.
func manyHashes(w *lab.World) {
	changed(w, "nsec3.example.", "no.nsec3.example.", func(in lab.Incoming, m *dns.Msg) {
		for i := range 40 {
			n := &dns.NSEC3{Hdr: dns.RR_Header{Name: fmt.Sprintf("%032d.nsec3.example.", i),
				Rrtype: dns.TypeNSEC3, Class: dns.ClassINET, Ttl: 60},
				Hash: 1, HashLength: 20, NextDomain: fmt.Sprintf("%032d", i+1)}
			m.Ns = append(append([]dns.RR{n}, w.Sign("nsec3.example.", n)...), m.Ns...)
		}
		if !in.TCP {
			m.Answer, m.Ns, m.Truncated = nil, nil, true
		}
	})
}

// tooLong has a DNAME in plain. that makes names of more than 255 octets.
func tooLong(w *lab.World) {
	changed(w, "plain.", "d.plain.", func(_ lab.Incoming, m *dns.Msg) {
		m.Rcode, m.Ns = dns.RcodeYXDomain, nil
		m.Answer = []dns.RR{&dns.DNAME{Hdr: dns.RR_Header{Name: "d.plain.", Rrtype: dns.TypeDNAME,
			Class: dns.ClassINET, Ttl: 300},
			Target: strings.Repeat(strings.Repeat("t", 60)+".", 3)}}
	})
}

// later asks for a name of plain., whose servers fail from when the answer has ended.
func later(name string) func(*front) {
	return func(f *front) {
		f.ask(name, dns.TypeA, edns(true))
		replies(dns.RcodeServerFailure)(f.world)
		f.clock.Advance(2 * time.Hour)
	}
}
