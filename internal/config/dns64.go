// DNS64 and NAT64: prefixes of translators.

package config

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"bailiwick/internal/nat64"
)

// translators reads prefixes of translators.
func translators(list []string) (out []nat64.Prefix, err error) {
	var errs []error
	for i, s := range list {
		p, err := nat64.ParsePrefix(s)
		if err == nil && slices.Contains(out, p) {
			err = fmt.Errorf("%s is given twice", p)
		}
		out, errs = append(out, p), append(errs, inItem(i, err))
	}
	return out, errors.Join(errs...)
}

// prefixes6 reads IPv6 networks. Unlike those of clients and servers, IPv4-mapped ones stay as they
// are.
func prefixes6(list []string) (out []netip.Prefix, err error) {
	var errs []error
	for i, s := range list {
		p, err := netip.ParsePrefix(s)
		if err != nil || !p.Addr().Is6() {
			err = fmt.Errorf("%q is no IPv6 network such as ::ffff:0:0/96", s)
		}
		out, errs = append(out, p.Masked()), append(errs, inItem(i, err))
	}
	return out, errors.Join(errs...)
}

func setNAT64(c *Config, v value) (err error) {
	if c.Resolver.NAT64 = (nat64.Prefix{}); v.text == "" {
		return nil
	}
	c.Resolver.NAT64, err = nat64.ParsePrefix(v.text)
	return err
}

// Translators are the prefixes of all translators that the configuration names.
func (c *Config) Translators() []nat64.Prefix {
	if c.Resolver.NAT64.IsZero() {
		return c.Policy.DNS64.Prefixes
	}
	return append(slices.Clone(c.Policy.DNS64.Prefixes), c.Resolver.NAT64)
}
