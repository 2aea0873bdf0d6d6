package server_test

import (
	"net"
	"net/netip"
	"testing"

	"github.com/miekg/dns"

	"bailiwick/internal/policy"
	"bailiwick/resolver"
	"bailiwick/server"
	"bailiwick/transport"
	"bailiwick/wire"
)

// newSubnetFront is a server whose clients' networks are sent to the servers of networks.example.
func newSubnetFront(t *testing.T) *front {
	f := newFrontWith(t, nil, func(c *resolver.Config) {
		c.ECS.Zones = []wire.Name{wire.MustParseName("networks.example.")}
		c.ECS.Forwarders = []netip.Prefix{netip.MustParsePrefix("12.0.0.53/32")}
	})
	everybody := policy.Rule{Net: netip.MustParsePrefix("0.0.0.0/0"), Action: policy.Allow}
	f.Replace(server.Rules{Config: f.config(), Resolver: f.resolver,
		Access: policy.NewACL([]policy.Rule{everybody}), View: &policy.View{}})
	return f
}

// config is the configuration of such a server.
func (f *front) config() *server.Config {
	c := server.Default()
	c.Rotate, c.Special = false, false
	return &c
}

// subnet is a Client Subnet option, family 1, or 0 for "".
func subnet(network string, scope uint8) *dns.EDNS0_SUBNET {
	o := &dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, SourceScope: scope}
	if network != "" {
		p := netip.MustParsePrefix(network)
		o.Family, o.SourceNetmask, o.Address = 1, uint8(p.Bits()), p.Addr().AsSlice()
	}
	return o
}

// subnetOf returns the option of a response as text, "" if there is none.
func subnetOf(m *dns.Msg) string {
	if m.IsEdns0() == nil {
		return ""
	}
	for _, o := range m.IsEdns0().Option {
		if e, ok := o.(*dns.EDNS0_SUBNET); ok {
			return e.String()
		}
	}
	return ""
}

// addressOf returns the address in an answer.
func addressOf(m *dns.Msg) string {
	for _, rr := range m.Answer {
		if a, ok := rr.(*dns.A); ok {
			return net.IP(a.A).String()
		}
	}
	return ""
}

// A client with the option gets it back with the scope of its answer, others get none (RFC 7871,
// section 7.2.2). Nobody gets what was made for another network, however often it is asked for, and
// by whichever way of the server: from the zone's servers, from the cache, or prepared.
func TestRFC7871Responses(t *testing.T) {
	f := newSubnetFront(t)
	none := func(m *dns.Msg) { m.SetEdns0(1232, false) }
	with := func(network string) func(*dns.Msg) { return edns(false, subnet(network, 0)) }
	for range 4 {
		for _, c := range []struct {
			what, from, name string
			query            func(*dns.Msg)
			address, option  string
		}{
			{"no EDNS", "11.0.0.1:1", "www.networks.example.", nil, "198.51.11.1", ""},
			{"no option", "11.0.0.1:1", "www.networks.example.", none, "198.51.11.1", ""},
			{"its own network", "11.0.0.1:1", "www.networks.example.", with("11.0.0.0/24"),
				"198.51.11.1", "11.0.0.0/24/24"},
			{"its address", "11.0.0.1:1", "www.networks.example.", with("11.0.0.1/32"),
				"198.51.11.1", "11.0.0.1/32/24"},
			{"less", "11.0.0.1:1", "www.networks.example.", with("11.0.0.0/8"), "198.51.11.1",
				"11.0.0.0/8/8"},
			{"another", "11.0.0.1:1", "www.networks.example.", with("99.0.0.0/20"), "198.51.11.1",
				"99.0.0.0/20/20"},
			{"another, with more", "11.0.0.1:1", "www.networks.example.", with("99.0.0.0/28"),
				"198.51.11.1", "99.0.0.0/28/28"},
			{"a forwarder's client", "12.0.0.53:1", "www.networks.example.", with("99.0.0.0/24"),
				"198.51.99.1", "99.0.0.0/24/24"},
			{"a forwarder itself", "12.0.0.53:1", "www.networks.example.", none, "198.51.12.1",
				""},
			{"nothing is to be sent", "11.0.0.1:1", "www.networks.example.", with("0.0.0.0/0"),
				"198.51.0.1", "0.0.0.0/0/0"},
			{"nor without a family", "11.0.0.1:1", "www.networks.example.", with(""),
				"198.51.0.1", "0/0"},
			{"not routed", "10.0.0.1:1", "www.networks.example.", none, "198.51.0.1", ""},
			{"another zone", "11.0.0.1:1", "www.secure.example.", with("11.0.0.0/24"),
				"192.0.2.1", "11.0.0.0/24/0"},
		} {
			m := f.askFrom(c.from, transport.UDP, c.name, dns.TypeA, c.query)
			option := subnetOf(m)
			if c.what == "nor without a family" && option != "" {
				option = "0/0"
			}
			if addressOf(m) != c.address || option != c.option {
				t.Errorf("%s: %s %q, want %s %q", c.what, addressOf(m), option, c.address,
					c.option)
			}
		}
	}
	if f.seen.hits == 0 {
		t.Error("names of other zones are not prepared")
	}
}

// A malformed option is answered with FORMERR, over each transport (RFC 7871, section 7.2.1), but
// ignored where no network is sent to anybody (RFC 6891, section 6.1.2).
func TestRFC7871Malformed(t *testing.T) {
	f, off := newSubnetFront(t), newFront(t, nil)
	for what, value := range map[string]string{
		"family 3":                 "\x00\x03\x18\x00\x0b\x00\x00",
		"too long a prefix":        "\x00\x01\x21\x00\x0b\x00\x00\x00\x00",
		"too few octets":           "\x00\x01\x18\x00\x0b\x00",
		"too many octets":          "\x00\x01\x18\x00\x0b\x00\x00\x00",
		"a bit beyond the prefix":  "\x00\x01\x17\x00\x0b\x00\x01",
		"a scope, in a query":      "\x00\x01\x18\x18\x0b\x00\x00",
		"three octets in all":      "\x00\x01\x18",
		"nothing":                  "",
		"family 0 with an address": "\x00\x00\x08\x00\x0b",
	} {
		o := &dns.EDNS0_LOCAL{Code: dns.EDNS0SUBNET, Data: []byte(value)}
		for _, via := range []transport.Protocol{transport.UDP, transport.TCP} {
			m := f.askFrom("11.0.0.1:1", via, "www.networks.example.", dns.TypeA, edns(false, o))
			if m.Rcode != dns.RcodeFormatError || subnetOf(m) != "" {
				t.Errorf("%s: %s, %q", what, dns.RcodeToString[m.Rcode], subnetOf(m))
			}
		}
		if m := off.ask("www.secure.example.", dns.TypeA, edns(false, o)); m.Rcode != 0 ||
			subnetOf(m) != "" {
			t.Errorf("%s, where it is off: %s", what, dns.RcodeToString[m.Rcode])
		}
	}
}

// A failure is prepared for nobody in a zone whose answers depend on the network: others may have
// an answer.
func TestRFC7871FailuresAreNotPrepared(t *testing.T) {
	f := newFrontWith(t, nil, func(c *resolver.Config) {
		c.ECS.Zones = []wire.Name{wire.MustParseName("expired.faulty.")}
	})
	for range 4 {
		if m := f.ask("www.expired.faulty.", dns.TypeA, nil); m.Rcode != dns.RcodeServerFailure {
			t.Fatalf("%s", dns.RcodeToString[m.Rcode])
		}
	}
	if f.seen.hits != 0 {
		t.Errorf("%d prepared answers", f.seen.hits)
	}
}
