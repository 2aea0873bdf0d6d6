// Forward and stub zones, which all programs have.

package migrate

import (
	"net/netip"
	"strconv"
	"strings"
)

// zone is a forward or stub zone of any program.
type zone struct {
	forward, first, tcp, tls, noCache bool
	insecure                          bool // not validated
	name, tlsName, ca                 string
	addrs, hosts                      []string
	at                                *directive
}

// server adds a server, given as ADDRESS[@PORT][#NAME], and reports whether it can be written.
func (z *zone) server(s string, b *builder, d *directive) {
	s, name, _ := strings.Cut(s, "#")
	address, port, ported := strings.Cut(s, "@")
	a, err := netip.ParseAddr(address)
	if err != nil || a.Zone() != "" {
		b.lose(d, "%q is not an address without an interface; nearest: addresses of %s", address,
			z.key())
		return
	}
	n := uint64(53)
	if z.tls {
		n = 853
	}
	if ported {
		if n, err = strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			b.lose(d, "%q is not a port", port)
			return
		}
	}
	if name = strings.TrimSuffix(name, "."); z.tls && (name == "" || name != z.tlsName) {
		switch {
		case name == "":
			b.lose(d, "it was asked over TLS without a name that its certificate has to have: "+
				"anybody on the way could be it; nearest: tls_name or tls_pins of %s", z.key())
			return
		case z.tlsName != "":
			b.lose(d, "the servers of a zone have one tls_name here, and the first is %s",
				z.tlsName)
			return
		}
		z.tlsName = name
	}
	if a.IsLoopback() && b.loopback {
		b.set("resolver.do_not_query_localhost", "false", d)
	}
	z.addrs = append(z.addrs, netip.AddrPortFrom(a, uint16(n)).String())
}

func (z *zone) key() string {
	if z.forward {
		return "resolver.forward_zones"
	}
	return "resolver.stub_zones"
}

// zoneName returns the name of a zone without its final dot; the root is a dot.
func zoneName(s string) string {
	if s = strings.TrimSpace(s); s != "." {
		s = strings.TrimSuffix(s, ".")
	}
	return s
}

// write adds the zone to the configuration.
func (z *zone) write(b *builder) {
	if text := z.record(b); text != "" {
		b.add(z.key(), text, z.at)
	}
}

// record returns the zone as a record, "" if it cannot be carried over, which is listed.
func (z *zone) record(b *builder) string {
	if z.name == "" {
		b.lose(z.at, "the zone has no name; nearest: %s", z.key())
		return ""
	}
	if len(z.addrs)+len(z.hosts) == 0 {
		b.lose(z.at, "zone %s has no servers that can be carried over: its names are resolved as "+
			"all others; nearest: %s", z.name, z.key())
		return ""
	}
	fields := []string{"name: " + quote(z.name)}
	if len(z.addrs) > 0 {
		fields = append(fields, "addresses: "+quotes(z.addrs))
	}
	if len(z.hosts) > 0 {
		fields = append(fields, "hosts: "+quotes(z.hosts))
	}
	if z.tls {
		fields = append(fields, "transport: dot", "tls_name: "+quote(z.tlsName))
		if z.ca != "" {
			fields = append(fields, "tls_ca: "+quote(z.ca))
		}
	}
	for _, f := range []struct {
		name string
		on   bool
	}{{"first", z.first}, {"tcp", z.tcp && !z.tls}, {"no_cache", z.noCache},
		{"insecure", z.insecure}} {
		if f.on {
			fields = append(fields, f.name+": true")
		}
	}
	return "{" + strings.Join(fields, ", ") + "}"
}
