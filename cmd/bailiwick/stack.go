// The one place where everything is wired together.

package main

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/clock"
	"bailiwick/internal/config"
	"bailiwick/internal/console"
	"bailiwick/internal/event"
	"bailiwick/internal/guard"
	"bailiwick/internal/memcache"
	"bailiwick/internal/observe"
	"bailiwick/internal/policy"
	"bailiwick/internal/routes"
	"bailiwick/resolver"
	"bailiwick/server"
	"bailiwick/transport"
	"bailiwick/validator"
	"bailiwick/validator/p256"
	"bailiwick/wire"
)

// stack is a resolver with all its parts, not listening yet.
type stack struct {
	cfg       *config.Config // that it began with
	clock     clock.Clock
	metrics   *observe.Metrics
	store     *cache.Store
	exchanger transport.Exchanger
	log       *slog.Logger
	events    event.Sink   // nil if nobody listens
	guard     *guard.Guard // nil for who serves nobody
	// certificates are those of the listeners; nil if nothing is encrypted.
	certificates *spoken
	snapshot     atomic.Pointer[snapshot] // in use
}

// newStack builds what resolves. A server has a journal; without one, log lines go to standard
// error and a panic ends the process as it always does.
func newStack(cfg *config.Config, p *parts, ex transport.Exchanger, j *observe.Journal) *stack {
	s := &stack{cfg: cfg, clock: clock.Default(), metrics: observe.New(), exchanger: ex,
		log: newLog(cfg, os.Stderr)}
	if j != nil {
		s.log = newLog(cfg, j)
		s.guard = guard.New(s.log, s.metrics.Panic, func() {
			j.Close()
			os.Exit(exitPanics)
		})
		s.metrics.Guard = s.guard
		if n, ok := ex.(*transport.NetExchanger); ok {
			n.Guard = s.guard
		}
	}
	s.events = event.NewLog(s.log)
	if p.certificates != nil {
		s.certificates = newSpoken(p.certificates, s.log)
	}
	if m, moves := s.clock.(interface{ Set(time.Time) }); moves && !cfg.ClockStart.IsZero() {
		m.Set(cfg.ClockStart)
	}
	s.store = cache.New(int(cfg.Memory), ttlLimits(cfg))
	s.snapshot.Store(&snapshot{cfg: cfg, anchors: p.anchors, serving: p.server,
		resolver: resolver.New(p.resolver, s.parts(cfg, p))})
	s.metrics.WatchCaches(s.store, func() *resolver.Resolver { return s.now().resolver })
	if p256.Fast {
		if err := p256.SelfTest(); err != nil {
			s.log.Error("our own P-256 is not used", "reason", err.Error(),
				"hint", "the processor or this build is at fault; report it")
		}
	}
	return s
}

func newLog(cfg *config.Config, out io.Writer) *slog.Logger {
	var level slog.Level
	// one of the choices that the configuration checks
	_ = level.UnmarshalText([]byte(cfg.LogLevel))
	o := &slog.HandlerOptions{Level: level}
	if cfg.LogJSON {
		return slog.New(slog.NewJSONHandler(out, o))
	}
	return slog.New(slog.NewTextHandler(out, o))
}

// ttlLimits translates the configuration.
func ttlLimits(cfg *config.Config) cache.TTLLimits {
	return cache.TTLLimits{Min: cfg.MinTTL, Max: cfg.MaxTTL, MinNegative: cfg.MinNegativeTTL,
		MaxNegative: cfg.MaxNegativeTTL}
}

// parts are what a resolver of a configuration works with. The servers that the operator names are
// watched one by one.
func (s *stack) parts(cfg *config.Config, p *parts) resolver.Parts {
	var own []netip.AddrPort
	for _, z := range cfg.Zones {
		own = append(own, z.Addrs...)
	}
	parts := resolver.Parts{Cache: s.store, Anchors: p.anchors, Exchanger: s.exchanger,
		Clock: s.clock, Events: s.events, Guard: s.guard,
		Observer: observe.NewUpstreams(s.metrics, s.log, s.clock.Now, own)}
	if !s.cfg.ValidationTime.IsZero() {
		parts.ValidationTime = func() time.Time { return s.cfg.ValidationTime }
	}
	return parts
}

// resolverConfig translates the configuration.
func resolverConfig(cfg *config.Config) (resolver.Config, config.Findings) {
	var found config.Findings
	hints, err := loadHints(cfg)
	if err != nil {
		found = append(found, cfg.Error("resolver.root_hints_file", "%v", err))
	}
	rc := resolver.Config{Hints: hints, Prime: cfg.Prime, IPv4: cfg.IPv4 != "false",
		IPv6: cfg.IPv6 != "false", DoNotQuery: cfg.DoNotQuery,
		DoNotQueryLocalhost: cfg.DoNotQueryLocalhost, CaseRandomisation: cfg.CaseRandomisation,
		Cookies:        cfg.UpstreamCookies,
		AggressiveNSEC: cfg.AggressiveNSEC, HardenBelowNXDomain: cfg.HardenBelowNXDomain,
		HardenGlue: cfg.HardenGlue, Prefetch: cfg.Prefetch, Port: uint16(cfg.Port),
		MaxAliases: cfg.MaxAliases,
		MaxFlights: cfg.MaxInFlight, Memory: int(cfg.Memory),
		Minimise: map[string]resolver.Minimise{"relaxed": resolver.MinimiseRelaxed,
			"strict": resolver.MinimiseStrict, "off": resolver.MinimiseOff}[cfg.Minimisation],
		Validation: validator.Policy{SHA1: cfg.SHA1, Skew: cfg.Skew, IgnoreTimes: cfg.IgnoreTimes,
			MaxIterations: cfg.NSEC3Iterations, SignatureCache: cfg.SignatureCache,
			StandardP256: cfg.StandardP256}}
	rc.Opportunistic = cfg.Opportunistic
	rc.Referrals = snooped(cfg)
	table := routes.New()
	rc.Families, rc.Routed = families(cfg, table), table.Lead
	rc.PrivateServers = map[string]resolver.Private{"auto": resolver.PrivateAuto,
		"allow": resolver.PrivateAllow, "refuse": resolver.PrivateRefuse}[cfg.PrivateServers]
	for _, z := range cfg.Zones {
		peer, err := peerOf(z)
		if err != nil {
			found = append(found, cfg.Error(z.Key+".tls_ca", "%v", err))
		}
		rc.Zones = append(rc.Zones, resolver.Zone{Name: z.Name, Addrs: z.Addrs, Hosts: z.Hosts,
			Forward: z.Forward, First: z.First, NoCache: z.NoCache, Via: z.Via, Peer: peer,
			Fallback: z.Fallback})
	}
	return rc, found
}

// peerOf is who a zone's servers have to be.
func peerOf(z config.Zone) (*transport.Peer, error) {
	p := &transport.Peer{Name: z.TLSName, Pins: z.TLSPins, Path: z.Path}
	if z.TLSRoots == "" {
		return p, nil
	}
	pem, err := os.ReadFile(z.TLSRoots)
	if err != nil {
		return nil, fmt.Errorf("tls_ca of zone %s: %w", z.Name, err)
	}
	p.Roots = x509.NewCertPool()
	if !p.Roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("tls_ca of zone %s: %s holds no certificate", z.Name, z.TLSRoots)
	}
	return p, nil
}

// loadHints returns the root's servers: from the configuration, a file, or built in.
func loadHints(cfg *config.Config) ([]cache.NameServer, error) {
	switch {
	case len(cfg.RootHints) > 0:
		var hints []cache.NameServer
		for _, h := range cfg.RootHints {
			hints = append(hints, cache.NameServer{Name: h.Name, Addrs: []netip.Addr{h.Addr}})
		}
		return hints, nil
	case cfg.RootHintsFile != "":
		return readHints(cfg.RootHintsFile)
	}
	return resolver.BuiltinHints(), nil
}

// readHints takes the addresses of a hints file.
func readHints(path string) ([]cache.NameServer, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("root hints: %w", err)
	}
	defer f.Close()
	var hints []cache.NameServer
	p := dns.NewZoneParser(f, ".", path)
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		var ip net.IP
		switch a := rr.(type) {
		case *dns.A:
			ip = a.A
		case *dns.AAAA:
			ip = a.AAAA
		default:
			continue
		}
		name, err := wire.ParseName(rr.Header().Name)
		if err != nil {
			return nil, fmt.Errorf("root hints: %w", err)
		}
		addr, _ := netip.AddrFromSlice(ip)
		hints = append(hints, cache.NameServer{Name: name, Addrs: []netip.Addr{addr.Unmap()}})
	}
	if err := p.Err(); err != nil {
		return nil, fmt.Errorf("root hints: %w", err)
	}
	if len(hints) == 0 {
		return nil, fmt.Errorf("root hints %s hold no address", path)
	}
	return hints, nil
}

// families returns a function that reports which families of addresses are in use for public
// servers. A laptop may lose one and get the other while the resolver runs.
func families(cfg *config.Config, table *routes.Table) func() (ipv4, ipv6 bool) {
	return func() (bool, bool) {
		v4, v6 := table.Families()
		return cfg.IPv4 == "true" || cfg.IPv4 == "auto" && (v4 || !v6),
			cfg.IPv6 == "true" || cfg.IPv6 == "auto" && v6
	}
}

// serverConfig translates the configuration.
func serverConfig(cfg *config.Config) (server.Config, error) {
	sc := server.Config{UDPSize: uint16(cfg.UDPSize), Cookies: cfg.Cookies, AnyFull: cfg.AnyFull,
		Rotate: cfg.Rotate, Identity: cfg.Identity, Version: cfg.Version, EDE: cfg.EDE,
		Special: cfg.Special}
	var err error
	if sc.NSID, err = server.HexOrText(cfg.NSID); err != nil {
		return sc, fmt.Errorf("server.nsid: %w", err)
	}
	if cfg.CookieSecret == "" {
		_, err = rand.Read(sc.Secret[:])
	} else {
		_, err = hex.Decode(sc.Secret[:], []byte(cfg.CookieSecret))
	}
	return sc, err
}

// running is a stack that listens.
type running struct {
	*stack
	server  *server.Server
	gate    *transport.Gate
	tls     *transport.TLS // nil if nothing is encrypted
	tickets *transport.Tickets
	console *console.Console
	control *console.Control
	stop    context.CancelFunc // of what goes on in the background
	unwatch func()             // ends what watch began
	ready   bool               // as watch has said last; its own

	reloader
}

// listen opens all listeners, or none.
func (s *stack) listen() (r *running, err error) {
	r = &running{stack: s, stop: func() {}, unwatch: func() {}}
	now := s.now()
	r.server = server.New(now.serving, server.Parts{Resolver: now.resolver, Cache: s.store,
		Clock: s.clock, Observer: s.metrics, Events: s.events, Guard: s.guard, Log: s.log})
	r.ctx, r.stop = context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			r.close()
		}
	}()
	if s.certificates != nil {
		if err := r.prepareTLS(); err != nil {
			return r, err
		}
	}
	r.gate = r.newGate()
	next := *now
	if _, err = r.open(&next, nil); err != nil {
		return r, err
	}
	r.install(&next)
	if s.cfg.Admin != "" {
		if r.console, err = console.Listen(s.cfg.Admin, s.metrics.Registry, s.guard); err != nil {
			return r, err
		}
	}
	return r, r.openControl()
}

// openControl opens the control socket. In the usual place another server may be, or this user may
// not make it: then there is none.
func (r *running) openControl() (err error) {
	path := r.cfg.ControlSocket
	if path == autoSocket {
		path = usualSocket()
	}
	if path == "" {
		return nil
	}
	if r.cfg.ControlSocket == autoSocket {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			r.log.Warn("no control socket", "error", err.Error())
			return nil
		}
	}
	r.control, err = console.ListenControl(path, r.controls(), r.guard)
	if err != nil && r.cfg.ControlSocket == autoSocket {
		r.log.Warn("no control socket", "error", err.Error())
		return nil
	}
	return err
}

// newGate makes what counts connections, within the descriptors that the process may have, and says
// so.
func (r *running) newGate() *transport.Gate {
	c := r.cfg.Connections
	c.Descriptors = transport.DescriptorLimit()
	g := transport.NewGate(c)
	r.metrics.WatchGate(g)
	said := []any{"connections", g.Seats(), "per_client", g.PerClient(), "descriptors",
		c.Descriptors,
		"reserved", g.Reserved()}
	if g.Seats() < c.Max {
		r.log.Warn("fewer connections than connections.max: the limit of descriptors is low",
			append(said, "cure", cause.Descriptors.Hint())...)
	} else {
		r.log.Info("connections that clients may have", said...)
	}
	return g
}

// http3Port is where HTTP/3 is served, 0 if it is not.
func (r *running) http3Port() uint16 {
	for _, l := range r.now().listeners {
		if l.protocol.HTTP() && l.protocol.Network() == "udp" {
			return l.Addr().Port()
		}
	}
	return 0
}

// controls are what `bailiwick ctl` can do.
func (r *running) controls() console.Controls {
	began, s := time.Now(), r.stack
	c := console.Controls{
		Reload: r.reload,
		Flush: func(n wire.Name, subtree bool) (f console.Flushed) {
			r := s.now().resolver
			f.Zone, f.OfZone = r.FlushZoneOf(n) // first: what follows forgets where zones are
			f.Name = r.Flush(n, subtree)
			return f
		},
		Status: func() map[string]any {
			st, bytes := s.now().resolver.Stats(), 0
			for _, c := range []memcache.Stats{s.store.Answers.Stats(), s.store.RRsets.Stats(),
				s.store.Negatives.Stats(), s.store.Failures.Stats(),
				s.store.Delegations.Stats(), s.store.Denials.Stats(), st.Servers, st.Trust} {
				bytes += c.Bytes
			}
			return map[string]any{"version": version,
				"uptime":      time.Since(began).Round(time.Second).String(),
				"time":        clock.Wall(s.clock).UTC().Format(time.RFC3339),
				"cache_bytes": bytes, "cache_limit": s.cfg.Memory,
				"answers": s.store.Answers.Stats().Entries,
				"rrsets":  s.store.RRsets.Stats().Entries, "in_flight": st.Fetches}
		},
	}
	if m, ok := s.clock.(interface{ Advance(time.Duration) }); ok {
		c.Advance = m.Advance
	}
	return c
}

// start serves.
func (r *running) start() {
	tuneGC(r.cfg.Memory)
	tuneScheduler()
	for _, l := range r.now().listeners {
		l.Start(l.handler)
	}
	r.metrics.Configured(time.Now(), false)
	r.maintain()
	if r.control != nil {
		r.control.Start()
	}
	if r.console != nil {
		r.console.Start()
		r.watch()
	}
}

// watch tells whoever asks the console whether names can be resolved, and the log when that
// changes.
func (r *running) watch() {
	ctx, stop := context.WithCancel(r.ctx)
	done := make(chan struct{})
	r.unwatch = func() { stop(); <-done }
	resolver := r.now().resolver
	go func() {
		defer close(done)
		resolver.Watch(ctx, func(why *cause.Failure) {
			r.metrics.Ready(why == nil)
			if why == nil {
				r.console.SetReady("")
			} else {
				r.console.SetReady(why.Cause.Label() + ": " + why.Error())
			}
			switch {
			case why == nil && !r.ready:
				r.log.Info("ready")
			case why != nil && r.ready:
				r.log.Warn("not ready", "cause", why.Cause.Label(), "detail", why.Error())
			}
			r.ready = why == nil
		})
	}()
}

// close ends everything: first no more queries are taken over UDP, then those in work are answered,
// and only then sockets and connections are closed, which the answers leave by.
func (r *running) close() {
	r.noReload()
	r.unwatch()
	if r.console != nil {
		r.console.SetReady("it is being stopped")
	}
	r.stop()
	r.retiring.Wait()
	listeners := r.now().listeners
	for _, l := range listeners {
		if s, ok := l.Listener.(transport.Stopper); ok {
			s.Stop()
		}
	}
	r.server.Close()
	r.now().resolver.Close()
	var wg sync.WaitGroup
	for _, l := range listeners {
		wg.Go(l.Close) // those with connections give their clients a second to hear of it
	}
	wg.Wait()
	if r.control != nil {
		_ = r.control.Close()
	}
	if r.console != nil {
		_ = r.console.Close()
	}
}

// snooped reports whether anybody may look into the caches.
func snooped(cfg *config.Config) bool {
	snoops := func(r policy.Rule) bool { return r.Action == policy.Snoop }
	found := slices.ContainsFunc(cfg.Access, snoops)
	for _, listeners := range cfg.Listen {
		for _, l := range listeners {
			found = found || slices.ContainsFunc(l.Access, snoops)
		}
	}
	return found
}
