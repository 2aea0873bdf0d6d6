// What is in use of the configuration, and how another one takes its place while clients ask.

package main

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"bailiwick/cache"
	"bailiwick/internal/aside"
	"bailiwick/internal/config"
	"bailiwick/internal/console"
	"bailiwick/internal/dnstap"
	"bailiwick/internal/guard"
	"bailiwick/internal/observe"
	"bailiwick/internal/policy"
	"bailiwick/internal/service"
	"bailiwick/internal/snapshot"
	"bailiwick/resolver"
	"bailiwick/server"
	"bailiwick/transport"
)

// inUse is a snapshot and what is made of it. It is immutable; a reload puts another one in its
// place.
type inUse struct {
	*snapshot.Snapshot
	configured *snapshot.Snapshot // the same, with the trust anchors that are configured
	resolver   *resolver.Resolver
	listeners  []listening
	queries    *queryLogs
	tap        *dnstap.Tap // that copies messages; nil if none are copied
	// certificates are those of the listeners as they are now; nil if nothing is encrypted.
	certificates transport.CertificateSource
	// class is the first of those of prepared answers, one for each policy: none of an earlier
	// snapshot is served.
	class uint16
	// generation is of policy zones: prepared answers of an earlier one are judged again.
	generation uint32
	// views are that of all clients without one, and then those of the configuration.
	views  []*policy.View
	behind map[*policy.View]*policy.View // the same for clients of DNS64
	ways   []way                         // in, by listener
}

// way is how clients come in at a listener.
type way struct {
	access *policy.ACL
	view   *policy.View // of those for whom access has none
}

// decide returns what is done with a client's queries, and the client's view.
func (w *way) decide(client netip.Addr) (policy.Action, *policy.View) {
	action, v := w.access.Decide(client)
	if v == nil {
		v = w.view
	}
	return action, v
}

// dns64Class is set in the class of the clients of DNS64: their answers are others.
const dns64Class = 1 << 15

// after returns the first class of the snapshot that comes after this one.
func (u *inUse) after() uint16 {
	next := u.class + uint16(len(u.Policies))
	if next >= dns64Class-config.MaxViews-1 {
		return 0
	}
	return next
}

// now is what is in use.
func (s *stack) now() *inUse { return s.inUse.Load() }

// listening is a listener, what it was opened for, and where its clients come in.
type listening struct {
	transport.Listener
	protocol transport.Protocol
	spec     config.Listener
	handler  *server.Handler
}

// serves reports whether a listener is open at the address of another one's configuration.
func (l *listening) serves(p transport.Protocol, o config.Listener) bool {
	return l.protocol == p && l.spec.Addr == o.Addr
}

// reloader is what a reload needs.
type reloader struct {
	ctx      context.Context // of what goes on in the background
	read     func() (*config.Config, config.Findings, error)
	retiring sync.WaitGroup // of what ends by itself, or with ctx

	upgrading sync.Mutex  // held while another process takes over; it comes before reloading
	handing   atomic.Bool // one does, or has

	reloading sync.Mutex
	ended     bool // no reload begins any more; guarded by reloading
}

// atStart are the keys that hold from one start to the next. What is in the state directory was
// read at the start, and contradicts what is in another one; what was taken from the process cannot
// be given back; clock.start and validator.time are for tests, and all that is in the caches has
// depended on them.
var atStart = []string{"clock.start", "process.capabilities", "process.landlock",
	"process.seccomp", "process.user", "state.directory", "validator.time"}

// outcome is what a reload has changed.
type outcome struct {
	opened, closed, restart []string
	changed                 []string // keys
	forgotten               int
	warnings                config.Findings
}

// report tells a person.
func (o *outcome) report() map[string]any {
	m := map[string]any{"config": "in use", "forgotten": o.forgotten}
	for name, list := range map[string][]string{"changed": o.changed, "opened": o.opened,
		"closed": o.closed, "needs_restart": o.restart} {
		if len(list) > 0 {
			m[name] = strings.Join(list, ", ")
		}
	}
	var warnings []string
	for _, w := range o.warnings {
		warnings = append(warnings, w.Error())
	}
	if warnings != nil {
		m["warnings"] = warnings
	}
	return m
}

// reload reads the configuration again and uses it, or refuses it with all that is wrong with it;
// then everything stays as it is.
func (r *running) reload() (map[string]any, error) {
	r.reloading.Lock()
	defer r.reloading.Unlock()
	if r.ended || r.read == nil {
		return nil, console.ErrStopping
	}
	service.Notify(service.Reloading())
	o, err := r.replace(r.readKept)
	if err != nil {
		err = errors.Join(err, r.confined.Outside(err))
		service.Notify(service.Ready, service.Status("serving; a configuration was refused: "+
			err.Error()))
		r.metrics.ConfigRefused()
		for _, e := range config.ErrorsOf(err) {
			r.log.Error("the configuration in use stays in use", "error", e.Error())
		}
		return nil, err
	}
	service.Notify(service.Ready, service.Status("serving"))
	for _, w := range o.warnings {
		r.log.Warn("configuration", "at", w.Place(), "detail", w.Text)
	}
	r.log.Info("configuration read again", "changed", strings.Join(o.changed, ", "),
		"opened", strings.Join(o.opened, ", "), "closed", strings.Join(o.closed, ", "),
		"needs_restart", strings.Join(o.restart, ", "), "forgotten", o.forgotten,
		"anchors", r.anchorText())
	return o.report(), nil
}

// replace puts a configuration in use, as reload says. Whatever can fail comes first.
func (r *running) replace(read func() (*config.Config, config.Findings, error)) (*outcome, error) {
	p, found, err := loadAside(read)
	if err != nil {
		return nil, err
	}
	cfg := p.Config
	old := r.now()
	aside.InPieces(func() { p.TakeLists(r.lists.Text) })
	p.TakeMembers(r.members(p))
	configured := p
	p = trusting(p, r.follower.Preview(followed(cfg), r.anchorsOf(configured)))
	next := &inUse{Snapshot: p, configured: configured, class: old.after()}
	if next.tap, err = r.tapOf(cfg, old.tap); err != nil {
		return nil, err
	}
	next.resolver = old.resolver.Successor(p.Resolver, r.parts(p, next.tap))
	r.certify(p)
	o := &outcome{warnings: found, changed: cfg.Differing(old.Config)}
	for _, k := range cfg.Differing(r.cfg) {
		if slices.Contains(atStart, k) {
			o.restart = append(o.restart, k)
		}
	}
	move, stay, err := r.moveOperators(cfg, old.Config)
	if err != nil {
		closeTap(next.tap, old.tap)
		return nil, err
	}
	if next.queries, err = r.logQueries(cfg, old); err != nil {
		stay()
		closeTap(next.tap, old.tap)
		return nil, err
	}
	opened, err := r.open(next, old.listeners)
	if err != nil {
		stay()
		closeTap(next.tap, old.tap)
		next.queries.closeBut(old.queries)
		return nil, err
	}
	for _, l := range opened {
		o.opened = append(o.opened, l.text())
	}

	// From here on nothing fails.
	move()
	r.settle(p, configured)
	next = r.installWithRules(next)
	r.follower.Refresh() // a zone may have been asked meanwhile, and judged by the old anchors
	r.joinFleet()
	for _, l := range opened {
		l.Start(l.handler)
	}
	gone := slices.DeleteFunc(slices.Clone(old.listeners), func(l listening) bool {
		return slices.ContainsFunc(next.listeners, func(n listening) bool {
			return n.Listener == l.Listener
		})
	})
	for _, l := range gone {
		o.closed = append(o.closed, l.text())
	}
	left, missing := r.xdp.Keep(cfg.XDP)
	for _, name := range left {
		o.closed = append(o.closed, "xdp "+name)
	}
	if missing != nil {
		o.restart = append(o.restart, "listen.xdp")
	}
	o.forgotten = r.succeed(old, next, gone)
	if cfg.Cache.Memory != old.Config.Cache.Memory {
		next.resolver.Resize(cfg.Cache.Memory)
	}
	r.gc.allow(cfg.Cache.Memory, cfg.Division().Heap)
	r.metrics.Configured(time.Now(), cfg.Digest(), true)
	r.rereadCatalogs()
	return o, nil
}

// loadAside reads a configuration and what it names, in pieces that let queries pass. Any error
// refuses it: serve starts even where an anchor can match no key, and says so, as a machine without
// DNS is worse; here the configuration in use is better.
func loadAside(read func() (*config.Config, config.Findings, error)) (p *snapshot.Snapshot,
	found config.Findings, err error) {
	var cfg *config.Config
	var more config.Findings
	aside.InPieces(func() { cfg, found, err = read() })
	if err != nil {
		return nil, nil, err
	}
	aside.InPieces(func() { p, more = snapshot.Load(cfg) })
	found = append(found, more...).Sorted()
	return p, found, found.Err()
}

// settle has the parts that outlive a configuration follow the new one, which nothing refuses any
// more: p is it with the trust anchors that are followed, configured without.
func (r *running) settle(p, configured *snapshot.Snapshot) {
	cfg := p.Config
	r.follower.Configure(followed(cfg), r.anchorsOf(configured))
	if p.Certificates != nil && !cfg.SelfSigned {
		r.certificates.replace(r.withACME(p))
	}
	if r.tls != nil {
		was := r.tls.Tickets()
		r.tls.SetTickets(p.Tickets.Following(was.Own(), was.Others()...), time.Now())
	}
	r.incidents.Configure(cfg.Incidents)
	r.watched.Configure(watching(cfg))
	r.recorder.Configure(cfg.Recorder)
	r.traceBy(p.Tracing)
	r.fleet.Use(p.Fleet)
	r.acme.Use(p.ACME)
	r.gate.Allow(cfg.Transport.Gate)
	r.setDemand(cfg)
	r.rest.Allow(cfg.Service.Rest)
	r.ledger.SetTotal(cfg.Division().Held)
	observe.ChangeLog(r.log, cfg.Log)
	if n, ok := r.exchanger.(*transport.NetExchanger); ok {
		n.SetSource(cfg.Transport.Source)
	}
	r.nameNetwork(cfg.Transport.Source)
	r.allowAPI(p)
	r.store.SetLimits(cfg.Cache.TTLLimits)
	r.store.SetMaxStale(cfg.Cache.MaxStale)
	r.keeper.Replace(p.Secondary)
	p.Secondary.Files, configured.Secondary.Files = nil, nil // the keeper has them
	r.lists.Replace(p.Fetched)
	r.readAllRules(p.Policy)
}

// readKept reads the configuration, with the changes that outlive a restart.
func (r *running) readKept() (*config.Config, config.Findings, error) {
	cfg, found, err := r.read()
	if err == nil && len(found.Errors()) == 0 {
		cfg = r.kept.apply(cfg)
		cfg = r.networks.apply(cfg)
	}
	return cfg, found, err
}

// change has a configuration in use that somebody asks for at run time, until the next reload or
// restart. If the request names the state that it changes, that has to be the one in use.
func (r *running) change(what string, q console.Request,
	make func(*config.Config) (*config.Config, error)) (*outcome, error) {
	r.reloading.Lock()
	defer r.reloading.Unlock()
	return r.changeInTurn(what, q, make)
}

// changeInTurn is change for who holds reloading.
func (r *running) changeInTurn(what string, q console.Request,
	make func(*config.Config) (*config.Config, error)) (*outcome, error) {
	if r.ended {
		return nil, console.ErrStopping
	}
	o, err := r.replace(func() (*config.Config, config.Findings, error) {
		now := r.now().Config
		if q.IfMatch != "" && !console.Matches(q.IfMatch, console.Tag(settingsOf(now))) {
			return nil, nil, console.ErrStale
		}
		cfg, err := make(now)
		if err == nil {
			cfg = r.networks.apply(cfg)
		}
		return cfg, nil, err
	})
	if err != nil {
		r.log.Warn("refused to change the configuration", "change", what, "by", q.Caller, "error",
			err.Error())
		return nil, err
	}
	r.log.Info("configuration changed at run time", "change", what, "by", q.Caller, "forgotten",
		o.forgotten)
	return o, nil
}

// succeedItself has the queries to come judged by the trust anchors and exceptions as they are now.
func (r *running) succeedItself() {
	r.reloading.Lock()
	defer r.reloading.Unlock()
	if r.ended {
		return
	}
	old := r.now()
	p := trusting(old.configured, r.follower.Trusted())
	next := &inUse{Snapshot: p, configured: old.configured, class: old.after(),
		listeners: old.listeners, queries: old.queries, tap: old.tap,
		resolver: old.resolver.Successor(p.Resolver, r.parts(p, old.tap))}
	r.install(next)
	r.succeed(old, next, nil)
}

// succeed ends what a snapshot that is installed takes the place of, and returns how many entries
// of the caches it has forgotten.
func (r *running) succeed(old, next *inUse, gone []listening) (forgotten int) {
	forgotten = next.resolver.Forget(old.resolver)
	r.store.Answers.RemoveFunc(func(k cache.AnswerKey, _ *cache.Answer) bool {
		return k.Policy&^dns64Class-next.class >= uint16(len(next.Policies))
	})
	r.retire(old, next, gone)
	next.resolver.KeepWarm()
	r.unwatch()
	r.watch()
	r.compareAnchors()
	return forgotten
}

// moveOperators opens the operator's two ways to the server where another configuration has them.
// One of the functions has to be called: move has them take the place of those in use.
func (r *running) moveOperators(cfg, old *config.Config) (move, stay func(), err error) {
	moveAdmin, stayAdmin := func() {}, func() {}
	if at := cfg.Console.Listen; at != old.Console.Listen {
		if moveAdmin, stayAdmin, err = r.console.Move(at); err != nil {
			return nil, nil, err
		}
	}
	if cfg.Console.Socket == old.Console.Socket {
		return func() { moveAdmin(); r.permitControl(cfg.Console, old.Console) }, stayAdmin, nil
	}
	control, err := r.openControl(cfg.Console)
	if err != nil {
		stayAdmin()
		return nil, nil, err
	}
	move = func() {
		moveAdmin()
		if r.control != nil {
			_ = r.control.Close() // commands in work are answered
		}
		if r.control = control; control != nil {
			control.Start()
		}
	}
	return move, func() {
		stayAdmin()
		if control != nil {
			_ = control.Close()
		}
	}, nil
}

// permitControl has the control socket belong to the group of another configuration.
func (r *running) permitControl(cfg, old console.Config) {
	if r.control == nil || cfg.Group == old.Group && cfg.Mode == old.Mode {
		return
	}
	if err := r.control.Permit(cfg); err != nil {
		r.log.Error("the control socket stays as it is", "error", err.Error())
	}
}

// text is where it listens, for people.
func (l *listening) text() string { return l.protocol.String() + " " + l.Addr().String() }

// certify makes ready for listeners that encrypt, if these are the first.
func (r *running) certify(p *snapshot.Snapshot) {
	if p.Certificates == nil || r.tls != nil {
		return
	}
	r.certificates = newSpoken(r.withACME(p), r.log)
	r.prepareTLS(r.ticketsOf(p))
	r.maintainTLS()
}

// open gives a snapshot its listeners: those that are open already at the addresses that it wants,
// and new ones. If one of these cannot be opened none is.
func (r *running) open(next *inUse, have []listening) (opened []listening, err error) {
	next.listeners = nil
	have = slices.Clone(have)
	for _, p := range transport.Protocols() {
		for _, want := range next.Config.Listen[p] {
			serves := func(l listening) bool { return l.serves(p, want) }
			if i := slices.IndexFunc(have, serves); i >= 0 {
				stays := have[i]
				stays.spec = want
				next.listeners = append(next.listeners, stays)
				have = slices.Delete(have, i, i+1)
				continue
			}
			l, err := transport.Listen(p, transport.Spec{Addr: want.Addr, Sockets: cores,
				Inherited: r.inherited(p, want.Addr), Free: r.predecessor.Done(),
				Proxies: want.Proxies, TLS: r.tls, Path: next.Config.Transport.Path,
				AltSvc: r.http3Port, Gate: r.gate, Observer: r.metrics, Log: r.log,
				Guard: r.guard, Absent: next.Config.Transport.Absent})
			if err != nil {
				for _, o := range opened {
					o.Close()
				}
				return nil, err
			}
			n := listening{l, p, want, r.server.Handler(nil, nil)}
			opened, next.listeners = append(opened, n), append(next.listeners, n)
		}
	}
	return opened, nil
}

// accessOf returns the rules of who may ask at a listener.
func (u *inUse) accessOf(l listening) []policy.Rule {
	access := u.Config.Policy.Access.Rules()
	for _, want := range u.Config.Listen[l.protocol] {
		if l.serves(l.protocol, want) && want.Access != nil {
			access = want.Access
		}
	}
	return access
}

// inherited returns the sockets of an address that are open already.
func (r *running) inherited(p transport.Protocol, at netip.AddrPort) (s transport.Sockets) {
	if p.Network() == "udp" {
		s.Packets = r.sockets.Packets(at)
	} else {
		s.Stream = r.sockets.Stream(at)
	}
	return s
}

// install has the queries to come go by a snapshot: each by all of it.
func (r *running) install(next *inUse) {
	cfg := next.Config
	next.views, next.ways = r.viewsOf(next), nil
	next.behind = map[*policy.View]*policy.View{}
	if r.certificates != nil {
		next.certificates = r.certificates
	}
	for _, l := range next.listeners {
		next.ways = append(next.ways, next.wayIn(l))
	}
	r.inUse.Store(next)
	for i, l := range next.listeners {
		rules := server.Rules{Config: &next.Server, Resolver: next.resolver,
			Access: next.ways[i].access, View: next.ways[i].view, Events: r.sink(cfg.Log),
			Keys: next.signedViews(l), Listener: l.spec.Key, Tally: r.metrics.Listener(l.text()),
			Tap: next.tap, Local: sentTo(l)}
		next.queries.give(&rules)
		l.handler.Replace(rules)
		l.Change(l.spec.Proxies, cfg.Transport.Path)
	}
	r.useXDP(next.listeners)
}

// retireAfter is when all that began before a reload has ended.
const retireAfter = resolver.MaxTime + time.Second

// retire ends what is not in use any more. Queries that came before the reload are resolved to the
// end under the settings that they began with; what this has left in the caches is forgotten then.
func (r *running) retire(old, next *inUse, gone []listening) {
	for _, l := range gone {
		r.retiring.Go(func() {
			l.Stop()
			r.pause()
			l.Close()
		})
	}
	r.retiring.Go(func() {
		r.pause()
		r.guard.Run(guard.Upkeep, func() {
			old.resolver.Close()
			next.resolver.Forget(old.resolver)
		})
		old.queries.closeBut(next.queries)
		closeTap(old.tap, next.tap)
	})
}

// pause waits until what began before a reload has ended, or the server is closed.
func (r *running) pause() {
	late := time.NewTimer(retireAfter)
	defer late.Stop()
	select {
	case <-late.C:
	case <-r.ctx.Done():
	}
}
