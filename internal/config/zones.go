// Stub and forward zones.

package config

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"bailiwick/transport"
	"bailiwick/wire"
)

var zoneFields = []string{"name", "addresses[]", "hosts[]", "first", "tcp", "no_cache", "transport", "tls_name", "tls_pins[]", "tls_ca", "path", "fallback"}

func (c *Config) addZones(v value, forward bool) error {
	for _, r := range v.records {
		z, err := zone(r)
		if err != nil {
			return err
		}
		z.Forward = forward
		c.Zones = append(c.Zones, z)
	}
	return nil
}

func zone(r record) (z Zone, err error) {
	for field, to := range map[string]*bool{"first": &z.First, "no_cache": &z.NoCache, "fallback": &z.Fallback} {
		if *to, err = truth(r, field); err != nil {
			return z, err
		}
	}
	if z.Name, err = wire.ParseName(r.text("name")); err != nil {
		return z, fmt.Errorf("name %q: %w", r.text("name"), err)
	}
	if err := z.transport(r); err != nil {
		return z, fmt.Errorf("zone %s: %w", z.Name, err)
	}
	if z.Addrs, err = addrPorts(r["addresses"], z.Via.Port()); err != nil {
		return z, err
	}
	for _, h := range r["hosts"] {
		n, err := wire.ParseName(h)
		if err != nil {
			return z, fmt.Errorf("host %q: %w", h, err)
		}
		z.Hosts = append(z.Hosts, n)
	}
	if len(z.Addrs)+len(z.Hosts) == 0 {
		return z, fmt.Errorf("zone %s has neither addresses nor hosts", z.Name)
	}
	return z, nil
}

// truth reads a field that is true or false.
func truth(r record, field string) (bool, error) {
	switch r.text(field) {
	case "true":
		return true, nil
	case "false", "":
		return false, nil
	}
	return false, fmt.Errorf("%s: %q is not true or false", field, r.text(field))
}

// transport reads how the zone's servers are asked.
func (z *Zone) transport(r record) error {
	tcp, err := truth(r, "tcp")
	if err != nil {
		return err
	}
	if tcp {
		z.Via = transport.TCP
	}
	if t := r.text("transport"); t != "" {
		p, ok := protocol(t, transport.UDP, transport.TCP, transport.DoT, transport.DoH, transport.DoH3, transport.DoQ)
		if !ok || tcp && p != transport.TCP {
			return fmt.Errorf("transport %q is not one of udp, tcp, dot, doh, doh3, doq, or contradicts tcp", t)
		}
		z.Via = p
	}
	z.TLSName, z.TLSRoots, z.Path = r.text("tls_name"), r.text("tls_ca"), r.text("path")
	for _, p := range r["tls_pins"] {
		b, err := base64.StdEncoding.DecodeString(p)
		if err != nil || len(b) != 32 {
			return fmt.Errorf("tls_pins: %q is not a SHA-256 digest in base64", p)
		}
		z.TLSPins = append(z.TLSPins, [32]byte(b))
	}
	switch identified := z.TLSName != "" || len(z.TLSPins) > 0; {
	case z.Via.Encrypted() && !identified:
		return fmt.Errorf("transport %v needs tls_name or tls_pins: who the servers have to be", z.Via)
	case !z.Via.Encrypted() && (identified || z.TLSRoots != "" || z.Fallback):
		return fmt.Errorf("tls_name, tls_pins, tls_ca and fallback are for transports that encrypt")
	case z.Path != "" && (z.Via != transport.DoH && z.Via != transport.DoH3 || !strings.HasPrefix(z.Path, "/")):
		return fmt.Errorf("path %q: it is for doh and doh3, and begins with /", z.Path)
	}
	return nil
}

// protocol finds one of these by its name.
func protocol(name string, among ...transport.Protocol) (transport.Protocol, bool) {
	i := slices.IndexFunc(among, func(p transport.Protocol) bool { return p.String() == name })
	if i < 0 {
		return 0, false
	}
	return among[i], true
}

func setOpportunistic(c *Config, v value) error {
	c.Opportunistic = nil
	for _, s := range v.list {
		p, ok := protocol(s, transport.DoT, transport.DoQ)
		if !ok || slices.Contains(c.Opportunistic, p) {
			return fmt.Errorf("%q is not dot or doq, or stands here twice", s)
		}
		c.Opportunistic = append(c.Opportunistic, p)
	}
	return nil
}
