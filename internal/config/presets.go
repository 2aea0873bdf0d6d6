// Forward zones whose servers are a public resolver that the program knows.

package config

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"bailiwick/internal/preset"
	"bailiwick/resolver"
	"bailiwick/transport"
)

// ofPreset gives a zone the servers of a preset: over those of its transports that the record
// lists, in that order, or over all.
func (z *Zone) ofPreset(r record) error {
	p, ok := preset.Find(strings.ToLower(r.text("preset")))
	if !ok {
		return inField("preset", fmt.Errorf("preset %q is not one of %s%s", r.text("preset"),
			strings.Join(preset.Names(), ", "), didYouMean(Nearest(r.text("preset"),
				preset.Names()))))
	}
	for _, field := range []string{"addresses", "hosts", "transport", "tls_name", "tls_pins",
		"path", "tcp"} {
		if len(r[field]) > 0 {
			return inField(field, fmt.Errorf("preset %s has its own %s", p.Name, field))
		}
	}
	for _, field := range []string{"tls_certificate", "tls_key"} {
		if len(r[field]) > 0 {
			return inField(field, fmt.Errorf("preset %s wants no certificate of clients", p.Name))
		}
	}
	ways, err := p.Ways, error(nil)
	if len(r["transports"]) > 0 {
		ways, err = chosen(p, r["transports"])
	}
	if err != nil {
		return err
	}
	for i, w := range ways {
		way := resolver.Way{Via: w.Via, Peer: &transport.Peer{Name: w.Name, Path: w.Path}}
		if i == 0 {
			z.Via, z.Peer = way.Via, way.Peer
			continue
		}
		z.Then = append(z.Then, way)
	}
	for _, a := range p.Addrs {
		z.Addrs = append(z.Addrs, netip.AddrPortFrom(a, z.Via.Port()))
	}
	z.TLSRoots = r.text("tls_ca")
	return nil
}

// chosen returns the transports of a preset that a list names, in its order.
func chosen(p preset.Preset, list []string) (ways []preset.Way, err error) {
	var errs []error
	var has []string
	for _, w := range p.Ways {
		has = append(has, w.Via.String())
	}
	for i, s := range list {
		j := slices.Index(has, strings.ToLower(s))
		if j < 0 || slices.ContainsFunc(ways, func(w preset.Way) bool {
			return w.Via == p.Ways[j].Via
		}) {
			errs = append(errs, inField("transports", inItem(i, fmt.Errorf("%q is not one of the "+
				"transports of preset %s, which are %s, or stands here twice", s, p.Name,
				strings.Join(has, ", ")))))
			continue
		}
		ways = append(ways, p.Ways[j])
	}
	return ways, errors.Join(errs...)
}
