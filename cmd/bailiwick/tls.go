// Certificates, session tickets and discovery of the encrypted transports.

package main

import (
	"context"
	"crypto/x509"
	"net/netip"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/config"
	"bailiwick/internal/discovery"
	"bailiwick/internal/guard"
	"bailiwick/internal/policy"
	"bailiwick/resolver"
	"bailiwick/transport"
	"bailiwick/wire"
)

// certificateCheck is the time between checks of certificates and ticket keys.
const certificateCheck = 5 * time.Second

// prepareTLS makes the TLS settings that the listeners share.
func (r *running) prepareTLS(tickets *transport.Tickets) {
	r.tls = transport.NewTLS(r.certificates)
	r.tls.SetTickets(tickets, time.Now())
	r.tls.AnswerChallenges(r.acme.Challenge)
}

// hangups returns a channel of the SIGHUPs that come from now on. The signal is caught in any
// configuration, so that it never ends the process.
func hangups() chan os.Signal {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	return hup
}

// maintain reloads on SIGHUP, upgrades on SIGUSR2, and keeps certificates and ticket keys fresh,
// until close. The signals stay caught: they may come while the process ends.
func (r *running) maintain() {
	hup, upgrade := hangups(), make(chan os.Signal, 1)
	if upgradeSignal != nil {
		signal.Notify(upgrade, upgradeSignal)
	}
	go r.guard.Run(guard.Upkeep, func() {
		for {
			select {
			case <-hup:
				_, _ = r.reload() // it logs its result
			case <-upgrade:
				_, _ = r.upgrade() // so does it
			case <-r.ctx.Done():
				return
			}
		}
	})
	if r.tls != nil {
		r.maintainTLS()
	}
	r.watchdog()
}

// maintainTLS keeps certificates and ticket keys fresh until close.
func (r *running) maintainTLS() {
	var files broken
	go r.guard.Run(guard.Upkeep, func() {
		r.tls.Maintain(r.ctx, certificateCheck, nil, func(err error) {
			if files.look(err) {
				r.log.Error("the certificates in use stay in use", "error", err.Error())
			}
		})
	})
}

// broken is what was seen of files that cannot be read.
type broken struct{ now, told string } // errors; "": none

// look notes the outcome of a look at the files, and reports whether it is to be told: once, not
// every five seconds, and not before the next look has failed as well. The first may have come
// between the renaming of a certificate and that of its key.
func (b *broken) look(err error) bool {
	was := b.now
	if b.now = ""; err == nil {
		b.told = ""
		return false
	}
	b.now = err.Error()
	if was == "" || b.told == b.now {
		return false
	}
	b.told = b.now
	return true
}

// keepFiles tells of certificates and authorities for questions to others that have changed in
// their files, or cannot be read, until ctx ends. Each handshake takes what is there: nothing waits
// for this.
func (r *running) keepFiles(ctx context.Context) {
	for more := true; more; more = r.rest.Wait(ctx, certificateCheck, nil) {
		r.guard.Run(guard.Upkeep, r.lookAtFiles)
	}
}

// seenFiles are what was seen of the files of certificates, by the keys that name them.
type seenFiles struct {
	mu    sync.Mutex
	byKey map[string]seenFile // guarded by mu
}

// seenFile is what was seen of the files of a certificate.
type seenFile struct {
	leaf   *x509.Certificate
	pool   *x509.CertPool // nil if it is not a file of authorities
	broken broken         // while leaf is not what they hold now
}

// lookAtFiles logs what has become of the files since they were seen last. Connections that are
// kept end if others are in force: the handshake that they began with was by the ones before.
func (r *running) lookAtFiles() {
	r.files.mu.Lock()
	defer r.files.mu.Unlock()
	seen, servers, store := map[string]seenFile{}, false, false
	for _, n := range r.now().Named {
		was, known := r.files.byKey[n.Key]
		now, err := was, n.Refresh()
		tell := now.broken.look(err)
		now.leaf, now.pool = n.Leaf(), n.Pool()
		seen[n.Key] = now
		if known && !(was.leaf.Equal(now.leaf) && was.pool.Equal(now.pool)) {
			ofStore := strings.HasPrefix(n.Key, "fleet.")
			servers, store = servers || !ofStore, store || ofStore
			r.log.Info("certificate read again", "at", n.Key, "name", now.leaf.Subject.String(),
				"expires", now.leaf.NotAfter.Format(time.RFC3339))
		}
		if tell {
			r.log.Error("the certificates in use stay in use", "at", n.Key, "error", err.Error())
		}
	}
	r.files.byKey = seen
	if n, ok := r.exchanger.(*transport.NetExchanger); ok && servers {
		n.Renew()
	}
	if store {
		r.fleet.Renew()
	}
}

// discover answers questions about this resolver, from the listeners and the certificate that run
// now.
func (r *running) discover(q wire.Question) *policy.Local {
	if q.Type != wire.TypeSVCB && q.Type != wire.TypeRESINFO {
		return nil
	}
	at := map[transport.Protocol][]netip.AddrPort{}
	now := r.now()
	for _, l := range now.listeners {
		at[l.protocol] = append(at[l.protocol], l.Addr())
	}
	d := designate(now.Config, at, now.certificates)
	return d.Answer(q)
}

// configured returns the listeners of a configuration that is not in use.
func configured(cfg *config.Config) map[transport.Protocol][]netip.AddrPort {
	at := map[transport.Protocol][]netip.AddrPort{}
	for p, list := range cfg.Listen {
		for _, l := range list {
			at[p] = append(at[p], l.Addr)
		}
	}
	return at
}

// designate describes encrypted listeners to clients, in the order of the table of transports.
func designate(cfg *config.Config, at map[transport.Protocol][]netip.AddrPort,
	certs transport.CertificateSource) discovery.Designation {
	d := discovery.Designation{Name: cfg.Discovery.Name,
		Info: discovery.Info{QNameMin: cfg.Resolver.Minimise != resolver.MinimiseOff,
			URL: cfg.Discovery.URL}}
	if cfg.Server.EDE {
		for _, c := range cause.All() {
			if code, ok := c.EDE(); ok {
				d.Info.EDE = append(d.Info.EDE, code)
			}
		}
	}
	if certs == nil || len(certs.All()) == 0 {
		return d // nobody could connect
	}
	return designateBy(cfg, d, at, certs.All()[0].Leaf)
}

// designateBy completes a description with encrypted listeners that have a certificate.
func designateBy(cfg *config.Config, d discovery.Designation,
	at map[transport.Protocol][]netip.AddrPort, leaf *x509.Certificate) discovery.Designation {
	if d.Name.IsZero() {
		d.Name = certificateName(leaf)
	}
	for _, p := range transport.Protocols(transport.Protocol.Encrypted) {
		for _, a := range at[p] {
			e := discovery.Endpoint{ALPN: []string{p.ALPN()}, Port: a.Port(),
				Addrs: reachable(cfg, a.Addr(), leaf)}
			if p.HTTP() {
				e.Path = cfg.Transport.Path
			}
			d.Endpoints = merge(d.Endpoints, e)
		}
	}
	return d
}

// merge adds an endpoint to the list. Endpoints that differ only in their protocol's version or
// their addresses become one.
func merge(list []discovery.Endpoint, e discovery.Endpoint) []discovery.Endpoint {
	for i := range list {
		o := &list[i]
		if o.Port != e.Port || o.Path != e.Path || e.Path == "" && !slices.Equal(o.ALPN, e.ALPN) {
			continue
		}
		for _, a := range e.ALPN {
			if !slices.Contains(o.ALPN, a) {
				o.ALPN = append(o.ALPN, a)
			}
		}
		for _, a := range e.Addrs {
			if !slices.Contains(o.Addrs, a) {
				o.Addrs = append(o.Addrs, a)
			}
		}
		return list
	}
	return append(list, e)
}

// certificateName returns the first name of a certificate that is not a wildcard.
func certificateName(leaf *x509.Certificate) wire.Name {
	for _, n := range leaf.DNSNames {
		if name, err := wire.ParseName(n); err == nil && !strings.HasPrefix(n, "*") {
			return name
		}
	}
	return wire.Name{}
}

// reachable returns the known addresses at which clients reach a listener.
func reachable(cfg *config.Config, a netip.Addr, leaf *x509.Certificate) (out []netip.Addr) {
	switch {
	case len(cfg.Discovery.Addrs) > 0:
		return cfg.Discovery.Addrs
	case !a.IsUnspecified():
		return []netip.Addr{a.Unmap()}
	}
	for _, ip := range leaf.IPAddresses {
		if o, ok := netip.AddrFromSlice(ip); ok && (o.Unmap().Is4() || a.Is6()) {
			out = append(out, o.Unmap())
		}
	}
	return out
}
