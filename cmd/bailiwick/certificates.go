// The certificates of the listeners, and the one that an authority issues: what it takes of the
// resolver, and the commands of the control socket.

package main

import (
	"context"
	"crypto/x509"
	"net/netip"
	"slices"
	"strings"
	"time"

	"bailiwick/internal/acme"
	"bailiwick/internal/console"
	"bailiwick/internal/snapshot"
	"bailiwick/resolver"
	"bailiwick/transport"
	"bailiwick/wire"
)

// newACME returns what keeps the certificate from an authority.
func (s *stack) newACME() *acme.Manager {
	return acme.New(acme.Parts{Clock: s.clock, Log: s.log, Guard: s.guard, Rest: s.rest,
		State: s.state,
		Agent: "Bailiwick/" + version, LookUp: s.lookUp, Target: s.aliasTarget,
		Servers: s.serversOf})
}

// withACME returns the certificates of a snapshot with the one that an authority issues.
func (s *stack) withACME(p *snapshot.Snapshot) transport.CertificateSource {
	return transport.Together(p.Certificates, s.acme)
}

// aliasTarget returns the name that a name is an alias of at last. What cannot be resolved is the
// authority's to complain of.
func (s *stack) aliasTarget(ctx context.Context, name wire.Name) wire.Name {
	for range maxAliases {
		next := name
		for _, set := range s.resolve(ctx, name, wire.TypeCNAME) {
			for rdata := range set.Data.All() {
				if to, ok := wire.TargetName(rdata); ok {
					next = to
				}
			}
		}
		if next == name {
			break
		}
		name = next
	}
	return name
}

// serversOf returns where the servers of a zone answer, as its own NS records have them.
func (s *stack) serversOf(ctx context.Context, zone wire.Name) (all []netip.AddrPort) {
	for _, set := range s.resolve(ctx, zone, wire.TypeNS) {
		for rdata := range set.Data.All() {
			if host, ok := wire.TargetName(rdata); ok {
				addrs, _ := s.lookUp(ctx, host) // the others have to do
				for _, a := range addrs {
					all = append(all, netip.AddrPortFrom(a, s.now().Config.Resolver.Port))
				}
			}
		}
	}
	return all
}

// resolve returns the sets of one type that a name has.
func (s *stack) resolve(ctx context.Context, name wire.Name, t wire.Type) (sets []*wire.RRset) {
	a := s.now().resolver.Resolve(ctx, wire.Question{Name: name, Type: t, Class: wire.ClassIN},
		resolver.Options{})
	for _, set := range a.Sets {
		if set.Type == t && set.Name == name {
			sets = append(sets, set)
		}
	}
	return sets
}

// expected describes the certificate that a configuration wants, before it is issued.
func expected(c *acme.Config) *x509.Certificate {
	leaf := &x509.Certificate{DNSNames: c.Names}
	for _, a := range c.Addresses {
		leaf.IPAddresses = append(leaf.IPAddresses, a.AsSlice())
	}
	return leaf
}

// certificateOperations are those about certificates.
func certificateOperations() []operation {
	return []operation{{console.Operation{Name: "certificates",
		Short: "Show the certificates of the configuration, and how the authority of tls.acme is",
		Long: "Show the certificates that clients get (tls.certificates, tls.acme): the name " +
			"that a client asks for decides between several. Then show all others that can end: " +
			"that of the admin listener, those that this server shows to others, and the " +
			"authorities that others are verified by, of each file the one that ends last. With " +
			"tls.acme it shows how it is with the one that the authority issues: for what it is, " +
			"when it is ordered next, and why it was not issued.",
		Suggest: []string{"certs", "tls", "acme"},
		Fields: []console.Field{
			{Name: "authority", Help: "URL of tls.acme.directory, or off"},
			{Name: "for", Kind: console.List, Help: "names and addresses that are ordered"},
			{Name: "state", Help: "off, ordering, waiting for the first, failing or issued"},
			{Name: "next_order", Optional: true, Help: "time"},
			{Name: "last_issued", Optional: true, Help: "time"},
			{Name: "failures", Kind: console.Integer, Help: "orders that failed, in a row"},
			{Name: "last_failure", Optional: true, Help: "time"},
			{Name: "outcome", Optional: true, Help: "of the last order that failed"},
			{Name: "problem", Optional: true, Help: "what the authority said"},
			{Name: "hint", Optional: true, Help: "what may be done about it"}},
		Rows: []console.Field{{Name: "names"}, {Name: "issuer"}, {Name: "begins"}, {Name: "ends"},
			{Name: "left", Help: "time until it ends; negative: it has ended"},
			{Name: "serial"}, {Name: "from", Help: "file or authority"},
			{Name: "key", Help: "of the configuration, that names it"}},
	}, (*running).listCertificates}, {console.Operation{Name: "certificates renew", Changes: true,
		Short: "Have the authority issue the certificate of tls.acme anew, now",
		Long: "Order the certificate of tls.acme now, whatever the schedule says. It returns at " +
			"once; certificates shows what becomes of it. Authorities count orders: once in a " +
			"minute is the most.\n\nExit status: 0 it is ordered; 1 it is not, as there is no " +
			"authority, or an order is under way, or was asked for a moment ago.",
		Suggest: []string{"reissue", "order", "rotate"},
		Fields:  []console.Field{{Name: "ordering", Kind: console.List}},
	}, (*running).renewCertificate}}
}

// listCertificates tells of the certificates and their authority.
func (r *running) listCertificates(console.Request) (console.Result, error) {
	st, now := r.acme.Status(), r.now()
	f := map[string]any{"authority": "off", "for": []string{}, "state": "off",
		"failures": st.Failures}
	at := func(field string, t time.Time) {
		if !t.IsZero() {
			f[field] = t.UTC().Format(time.RFC3339)
		}
	}
	if st.On {
		f["authority"], f["for"] = now.Config.ACME.Directory, st.For
		switch {
		case st.Ordering:
			f["state"] = "ordering"
		case st.Failures > 0:
			f["state"] = "failing"
		case !st.Has:
			f["state"] = "waiting for the first"
		default:
			f["state"] = "issued"
		}
		at("next_order", st.Next)
		at("last_issued", r.acme.Success())
	}
	if st.Failures > 0 {
		at("last_failure", st.Last)
		f["outcome"], f["problem"], f["hint"] = st.Outcome.Label(), st.Problem, st.Outcome.Hint()
	}
	out := console.Result{Fields: f, Columns: []string{"names", "issuer", "begins", "ends", "left",
		"serial", "from", "key"}, Rows: [][]any{}}
	for _, n := range r.namedCertificates() {
		c := n.Leaf
		names := slices.Clone(c.DNSNames)
		for _, ip := range c.IPAddresses {
			names = append(names, ip.String())
		}
		if len(names) == 0 {
			names = append(names, n.Name())
		}
		out.Rows = append(out.Rows, []any{strings.Join(names, " "), c.Issuer.String(),
			c.NotBefore.UTC().Format(time.RFC3339), c.NotAfter.UTC().Format(time.RFC3339),
			time.Until(c.NotAfter).Round(time.Minute).String(), c.SerialNumber.Text(16), n.From,
			n.Key})
	}
	return out, nil
}

// namedCertificates returns the certificates that are in force.
func (s *stack) namedCertificates() []transport.NamedCertificate {
	now := s.now()
	if now.Certificates == nil { // those of an earlier configuration are shown to nobody
		return now.InForce(nil, nil)
	}
	return now.InForce(now.certificates, s.acme)
}

// renewCertificate has the certificate ordered.
func (r *running) renewCertificate(q console.Request) (console.Result, error) {
	if err := r.acme.Renew(); err != nil {
		return console.Result{}, err
	}
	r.log.Info("a certificate is ordered on request", "by", q.Caller)
	return console.Result{Fields: map[string]any{"ordering": r.acme.Status().For}}, nil
}
