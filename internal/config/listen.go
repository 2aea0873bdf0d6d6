// The keys of listeners: one for each transport.

package config

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"bailiwick/internal/policy"
	"bailiwick/transport"
	"bailiwick/wire"
)

// Listener is where a transport is served, and for whom.
type Listener struct {
	Key    string // what it is called in findings: listen.udp[0]
	Addr   netip.AddrPort
	Access []policy.Rule // nil: policy.access
	transport.Proxies
}

// forwardedHeaders are the values of forwarded_header.
var forwardedHeaders = map[string]transport.ForwardedHeader{"": transport.EitherForwarded,
	"forwarded": transport.Forwarded, "x-forwarded-for": transport.XForwardedFor}

// listenKeys makes a row for each transport.
func listenKeys() (rows []key) {
	for _, p := range transport.Protocols() {
		fields := []string{"address", "access[]"}
		if p.Proxied() {
			fields = append(fields, "proxy_from[]")
		}
		if p.Proxied() && p.Encrypted() {
			fields = append(fields, "proxy_tls")
		}
		if p.HTTP() {
			fields = append(fields, "forwarded_from[]", "forwarded_header")
		}
		help := "addresses to serve " + p.Help() +
			" at (0.0.0.0 is all of IPv4, [::] all of IPv6); alone, or with access (such as " +
			"\"10.0.0.0/8 allow\", in place of policy.access)"
		if p.Proxied() {
			help += ", with proxy_from (networks whose PROXY headers, of version "
			if p.Stream() {
				help += "1 or 2, are believed"
			} else {
				help += "2, are believed; source addresses can be forged over UDP, so let these " +
					"come in from the proxy's link only"
			}
			help += ")"
		}
		if p.Proxied() && p.Encrypted() {
			help += " and proxy_tls (before or inside: where they put them, before by default)"
		}
		if p.HTTP() {
			help += ", with forwarded_from (networks of reverse proxies whose forwarded_header is" +
				" believed: forwarded or x-forwarded-for, the one that they set; if it is not" +
				" given, either, and requests with both are refused)"
		}
		rows = append(rows, key{key: "listen." + p.String(), kind: kindRecords, fields: fields,
			help: help, binding: bindListeners(p)})
	}
	return rows
}

// defaultListeners serve DNS as it always was: over UDP and TCP, on this machine.
func defaultListeners() map[transport.Protocol][]Listener {
	listen := map[transport.Protocol][]Listener{}
	for _, p := range transport.Protocols() {
		if !p.Encrypted() && !p.HTTP() {
			at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 5300)
			listen[p] = []Listener{{Key: Item("listen."+p.String(), 0), Addr: at}}
		}
	}
	return listen
}

// bindListeners ties a key to the listeners of a transport. By default these have only addresses.
func bindListeners(p transport.Protocol) binding {
	return binding{
		set: func(c *Config, v value) error {
			list, err := listeners(p, v)
			c.Listen[p] = list
			return err
		},
		get: func(c *Config) (v value) {
			for _, l := range c.Listen[p] {
				v.records = append(v.records, record{"address": {l.Addr.String()}})
			}
			return v
		},
	}
}

func listeners(p transport.Protocol, v value) (out []Listener, err error) {
	err = v.each(func(i int, r record) error {
		l := Listener{Key: Item("listen."+p.String(), i)}
		if len(r["address"]) != 1 {
			return fmt.Errorf("a listener wants one address")
		}
		var errs [5]error
		l.Addr, errs[0] = address(r["address"][0], p.Port())
		l.ProxyFrom, errs[1] = prefixes(r["proxy_from"])
		l.ForwardedFrom, errs[2] = prefixes(r["forwarded_from"])
		if rules, given := r["access"]; given {
			l.Access, errs[3] = accessRules(rules)
			if len(rules) == 0 {
				errs[3] = fmt.Errorf("access is empty: nobody may ask here; without it " +
					"policy.access holds")
			}
		}
		for i, field := range []string{"address", "proxy_from", "forwarded_from", "access"} {
			errs[i] = inField(field, errs[i])
		}
		errs[4] = l.proxies(r)
		if slices.ContainsFunc(out, func(o Listener) bool {
			return o.Addr == l.Addr &&
				l.Addr.Port() != 0
		}) {
			errs[0] = inField("address", fmt.Errorf("%v stands here twice", l.Addr))
		}
		err := errors.Join(errs[:]...)
		if err == nil {
			out = append(out, l)
		}
		return err
	})
	return out, err
}

// accessRules reads networks with actions: "10.0.0.0/8 allow".
func accessRules(list []string) ([]policy.Rule, error) { return eachItem(list, accessRule) }

// proxies reads what proxies in front of the listener do.
func (l *Listener) proxies(r record) error {
	var errs []error
	say := func(field, format string, args ...any) {
		errs = append(errs, inField(field, fmt.Errorf(format, args...)))
	}
	header, known := strings.ToLower(r.text("forwarded_header")), false
	switch l.ForwardedHeader, known = forwardedHeaders[header]; {
	case !known:
		say("forwarded_header", "%q is not forwarded or x-forwarded-for", header)
	case header != "" && len(l.ForwardedFrom) == 0:
		say("forwarded_header", "it is of no use without forwarded_from")
	}
	where := strings.ToLower(r.text("proxy_tls"))
	switch l.ProxyInside = where == "inside"; {
	case where != "" && where != "before" && where != "inside":
		say("proxy_tls", "%q is not before or inside", where)
	case where != "" && len(l.ProxyFrom) == 0:
		say("proxy_tls", "it is of no use without proxy_from")
	}
	return errors.Join(errs...)
}

// accessRule reads a network and an action.
func accessRule(s string) (policy.Rule, error) {
	f := strings.Fields(s)
	if len(f) != 2 {
		return policy.Rule{}, fmt.Errorf("access %q is not a network and an action, such as "+
			"\"10.0.0.0/8 allow\"", s)
	}
	n, err := parsePrefix(f[0])
	if err != nil {
		return policy.Rule{}, err
	}
	a, err := policy.ParseAction(strings.ToLower(f[1]))
	return policy.Rule{Net: n, Action: a}, err
}

func setCertificates(c *Config, v value) error {
	c.Transport.Certificates = nil
	return v.each(func(_ int, r record) error {
		f := transport.CertificateFile{Certificate: r.text("certificate"), Key: r.text("key")}
		if f.Key == "" {
			f.Key = f.Certificate // both in one file
		}
		if f.Certificate == "" {
			return fmt.Errorf("an entry lacks its certificate")
		}
		c.Transport.Certificates = append(c.Transport.Certificates, f)
		return nil
	})
}

// path reads the path of DNS over HTTPS.
func path(s string) (string, error) {
	if !strings.HasPrefix(s, "/") || strings.ContainsAny(s, "?#{} ") || len(s) > 100 {
		return "", fmt.Errorf("%q is not a path such as /dns-query", s)
	}
	return s, nil
}

// setADN takes the name that clients authenticate this resolver by (RFC 9463, section 3.1.1).
func setADN(c *Config, v value) (err error) {
	c.Discovery.Name = wire.Name{}
	if v.text != "" {
		if c.Discovery.Name, err = wire.ParseName(v.text); err == nil && c.Discovery.Name.IsRoot() {
			err = fmt.Errorf("the root is not a name of a resolver")
		}
	}
	return err
}

// infoURL reads a URL for people (RFC 9606, section 5). It is one character-string.
func infoURL(s string) (string, error) {
	if s != "" && (!strings.HasPrefix(s, "https://") || len(s) > 200) {
		return "", fmt.Errorf("%q is not an https URL of up to 200 octets", s)
	}
	return s, nil
}

func addrs(list []string) ([]netip.Addr, error) {
	return goodItems(list, func(s string) (netip.Addr, error) {
		a, err := netip.ParseAddr(s)
		if err != nil {
			err = fmt.Errorf("%q is not an IP address", s)
		}
		return a, err
	})
}
