// DNS64 and NAT64: prefixes of translators.

package config

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"bailiwick/internal/nat64"
	"bailiwick/wire"
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
func prefixes6(list []string) ([]netip.Prefix, error) {
	return eachItem(list, func(s string) (netip.Prefix, error) {
		p, err := netip.ParsePrefix(s)
		if err != nil || !p.Addr().Is6() {
			err = fmt.Errorf("%q is not an IPv6 network such as ::ffff:0:0/96", s)
		}
		return p.Masked(), err
	})
}

func setNAT64(c *Config, v value) (err error) {
	if c.Resolver.NAT64 = (nat64.Prefix{}); v.text == "" {
		return nil
	}
	c.Resolver.NAT64, err = nat64.ParsePrefix(v.text)
	return err
}

// dns64Keys are the rows of DNS64, which views can have of their own.
var dns64Keys = []key{
	{key: "policy.dns64.enabled", kind: kindBool,
		help: "give names without IPv6 addresses some by which a translator can be reached " +
			"(DNS64, RFC 6147), for clients that have IPv6 alone",
		binding: bind(func(c *Config) *bool { return &c.Policy.DNS64.On })},
	{key: "policy.dns64.prefixes", kind: kindList,
		help: "prefixes of the translators (NAT64), with a length of 32, 40, 48, 56, 64 or 96; " +
			"clients get an address with each",
		binding: bindList(func(c *Config) *[]nat64.Prefix { return &c.Policy.DNS64.Prefixes },
			translators)},
	{key: "policy.dns64.clients", kind: kindList,
		help: "networks of the clients that DNS64 is for; empty: all",
		binding: bindList(func(c *Config) *[]netip.Prefix { return &c.Policy.DNS64.Clients },
			prefixes)},
	{key: "policy.dns64.exclude_aaaa", kind: kindList,
		help: "networks whose IPv6 addresses count as none for these clients",
		binding: bindList(func(c *Config) *[]netip.Prefix { return &c.Policy.DNS64.ExcludeAAAA },
			prefixes6)},
	{key: "policy.dns64.exclude_a", kind: kindList,
		help: "networks whose IPv4 addresses are not translated",
		binding: bindList(func(c *Config) *[]netip.Prefix { return &c.Policy.DNS64.ExcludeA },
			prefixes)},
	{key: "policy.dns64.non_global", kind: kindBool,
		help: "translate private and other local IPv4 addresses with the well-known prefix " +
			"64:ff9b::/96 too, which RFC 6052, section 3.1 forbids; with others they always are",
		binding: bind(func(c *Config) *bool { return &c.Policy.DNS64.NonGlobal })},
	{key: "policy.dns64.exclude_names", kind: kindList,
		help: "names at and below which nothing is translated",
		binding: bindList(func(c *Config) *[]wire.Name { return &c.Policy.DNS64.ExcludeNames },
			domainNames)},
	{key: "policy.dns64.ignore_aaaa", kind: kindList,
		help: "names at and below which every IPv6 address counts as none, as their hosts cannot " +
			"be reached by it",
		binding: bindList(func(c *Config) *[]wire.Name { return &c.Policy.DNS64.IgnoreAAAA },
			domainNames)},
}

// Translators are the prefixes of all translators that the configuration names.
func (c *Config) Translators() []nat64.Prefix {
	all := slices.Clone(c.Policy.DNS64.Prefixes)
	for _, p := range c.Policies()[1:] {
		for _, prefix := range p.DNS64.Prefixes {
			if !slices.Contains(all, prefix) {
				all = append(all, prefix)
			}
		}
	}
	if c.Resolver.NAT64.IsZero() {
		return all
	}
	return append(all, c.Resolver.NAT64)
}
