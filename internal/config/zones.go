// Stub and forward zones.

package config

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"bailiwick/transport"
	"bailiwick/wire"
)

var zoneFields = []string{"name", "addresses[]", "hosts[]", "first", "tcp", "no_cache", "transport",
	"tls_name", "tls_pins[]", "tls_ca/", "tls_certificate/", "tls_key/", "path", "fallback",
	"insecure", "preset", "transports[]"}

// addZones adds the zones of a key.
func (c *Config) addZones(key string, v value, forward bool) error {
	return v.each(func(i int, r record) error {
		z, err := newZone(r, forward)
		z.Forward, z.Key = forward, Item(key, i)
		if !forward && r.text("preset") != "" {
			err = errors.Join(err, inField("preset", errors.New("a preset is a resolver, and no "+
				"authority: it is for forward_zones")))
		}
		if !z.Name.IsZero() {
			if j := slices.IndexFunc(c.Zones,
				func(o Zone) bool { return o.Name == z.Name }); j >= 0 {
				also := c.Zones[j].Key
				return errors.Join(err, inField("name",
					fmt.Errorf("zone %s is given twice, here and as %s in line %d", z.Name, also,
						c.places.of(also).line)))
			}
			c.Zones = append(c.Zones, z)
		}
		return err
	})
}

// zoneName reads the name of a zone.
func zoneName(r record) (wire.Name, error) {
	if r.text("name") == "" {
		return wire.Name{}, fmt.Errorf("a zone lacks its name; the root is %q", ".")
	}
	n, err := wire.ParseName(r.text("name"))
	if err != nil {
		return n, inField("name", fmt.Errorf("name %q: %w", r.text("name"), err))
	}
	return n, nil
}

// newZone reads a zone.
func newZone(r record, forward bool) (z Zone, err error) {
	var errs []error
	note := func(field string, err error) { errs = append(errs, inField(field, err)) }
	for field, to := range map[string]*bool{"first": &z.First, "no_cache": &z.NoCache,
		"fallback": &z.Fallback, "insecure": &z.Insecure} {
		*to, err = truth(r, field)
		note(field, err)
	}
	z.Name, err = zoneName(r)
	errs = append(errs, err)
	if r.text("preset") != "" {
		note("", z.ofPreset(r))
		return z, errors.Join(errs...)
	}
	if len(r["transports"]) > 0 {
		note("transports", errors.New("transports are those of a preset; another zone has one "+
			"transport"))
	}
	if err := z.transport(r); err != nil {
		errs = append(errs, within("", fmt.Errorf("zone %s: %w", z.Name, err)))
	}
	z.Addrs, z.Weights, err = weighedAddrs(r["addresses"], z.Via.Port())
	note("addresses", err)
	z.Hosts, err = goodItems(r["hosts"], func(s string) (wire.Name, error) {
		n, err := wire.ParseName(s)
		if err != nil {
			err = fmt.Errorf("host %q: %w", s, err)
		}
		return n, err
	})
	note("hosts", err)
	if len(r["addresses"])+len(r["hosts"]) == 0 {
		errs = append(errs, unserved(z.Name, r.text("name"), forward))
	}
	return z, errors.Join(errs...)
}

// unserved is the error of a zone without servers: somebody may have written one in place of its
// name. As the root's authority it would not do: that it forwards is another key's.
func unserved(zone wire.Name, name string, forward bool) error {
	_, err := address(name, 53)
	switch {
	case err != nil:
		return fmt.Errorf("zone %s has neither addresses nor hosts", zone)
	case !forward:
		return fmt.Errorf("%s is an address, and a zone has a name; what all names are "+
			"forwarded to is in resolver.forward_zones", name)
	}
	server := name
	if strings.Contains(name, ":") { // else it were a map, or a list
		server = strconv.Quote(name)
	}
	return fmt.Errorf("%s is an address, and a zone has a name: for all names write {name: ., "+
		"addresses: [%s]}", name, server)
}

// truth reads a field that is true or false.
func truth(r record, field string) (bool, error) {
	if r.text(field) == "" {
		return false, nil
	}
	b, err := parseBool(r.text(field))
	if err != nil {
		return false, fmt.Errorf("%s: %q is not true or false", field, r.text(field))
	}
	return b, nil
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
		among := transport.Protocols(transport.Protocol.Upstream)
		p, ok := protocol(t, among)
		switch {
		case !ok:
			choices, name := names(among), strings.ToLower(t)
			meant := Nearest(name, choices)
			for _, p := range among {
				if p.Called(name) {
					meant = p.String()
				}
			}
			return fmt.Errorf("transport %q is not one of %s%s", t, strings.Join(choices, ", "),
				didYouMean(meant))
		case tcp && p != transport.TCP:
			return fmt.Errorf("transport %q contradicts tcp: true", t)
		}
		z.Via = p
	}
	z.TLSRoots = r.text("tls_ca")
	z.TLSCertificate = transport.CertificateFile{Certificate: r.text("tls_certificate"),
		Key: r.text("tls_key")}
	if z.TLSCertificate.Key == "" {
		z.TLSCertificate.Key = z.TLSCertificate.Certificate // both in one file
	}
	z.Peer = &transport.Peer{Name: r.text("tls_name"), Path: r.text("path")}
	for _, p := range r["tls_pins"] {
		b, err := base64.StdEncoding.DecodeString(p)
		if err != nil || len(b) != 32 {
			return fmt.Errorf("tls_pins: %q is not a SHA-256 digest in base64", p)
		}
		z.Peer.Pins = append(z.Peer.Pins, [32]byte(b))
	}
	switch identified := z.Peer.Name != "" || len(z.Peer.Pins) > 0; {
	case z.Via.Encrypted() && !identified:
		return fmt.Errorf("transport %v needs tls_name or tls_pins: who the servers have to be",
			z.Via)
	case !z.Via.Encrypted() && (identified || z.TLSRoots != "" || z.Fallback ||
		z.TLSCertificate.Key != ""):
		return fmt.Errorf("tls_name, tls_pins, tls_ca, tls_certificate and fallback are for " +
			"transports that encrypt")
	case z.TLSCertificate.Certificate == "" && z.TLSCertificate.Key != "":
		return fmt.Errorf("tls_key is of no use without tls_certificate")
	case z.Peer.Path != "" && (!z.Via.HTTP() || !strings.HasPrefix(z.Peer.Path, "/")):
		web := names(transport.Protocols(transport.Protocol.Upstream, transport.Protocol.HTTP))
		return fmt.Errorf("path %q: it is for %s, and begins with /", z.Peer.Path,
			strings.Join(web, " and "))
	}
	return nil
}

// names are those of protocols.
func names(of []transport.Protocol) (list []string) {
	for _, p := range of {
		list = append(list, p.String())
	}
	return list
}

// protocol finds one of these by its name.
func protocol(name string, among []transport.Protocol) (transport.Protocol, bool) {
	i := slices.IndexFunc(among, func(p transport.Protocol) bool {
		return strings.EqualFold(p.String(), name)
	})
	if i < 0 {
		return 0, false
	}
	return among[i], true
}

// opportunistic reads the transports that authorities are probed for.
func opportunistic(list []string) (out []transport.Protocol, err error) {
	among := transport.Protocols(transport.Protocol.Opportunistic)
	for i, s := range list {
		p, ok := protocol(s, among)
		if !ok || slices.Contains(out, p) {
			return out, inItem(i, fmt.Errorf("%q is not %s, or stands here twice", s,
				strings.Join(names(among), " or ")))
		}
		out = append(out, p)
	}
	return out, nil
}
