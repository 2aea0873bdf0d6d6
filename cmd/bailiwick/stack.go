// The one place where everything is wired together.

package main

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"bailiwick/cache"
	"bailiwick/internal/acme"
	"bailiwick/internal/cause"
	"bailiwick/internal/clock"
	"bailiwick/internal/config"
	"bailiwick/internal/confine"
	"bailiwick/internal/console"
	"bailiwick/internal/dnstap"
	"bailiwick/internal/event"
	"bailiwick/internal/expiry"
	"bailiwick/internal/fleet"
	"bailiwick/internal/fleet/commands"
	"bailiwick/internal/guard"
	"bailiwick/internal/hook"
	"bailiwick/internal/incident"
	"bailiwick/internal/ledger"
	"bailiwick/internal/observe"
	"bailiwick/internal/recorder"
	"bailiwick/internal/rest"
	"bailiwick/internal/routes"
	"bailiwick/internal/rpz"
	"bailiwick/internal/service"
	"bailiwick/internal/snapshot"
	"bailiwick/internal/state"
	"bailiwick/internal/tracing"
	"bailiwick/internal/watch"
	"bailiwick/internal/weblist"
	"bailiwick/resolver"
	"bailiwick/secondary"
	"bailiwick/server"
	"bailiwick/transport"
	"bailiwick/trustanchor"
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
	events    event.Sink   // see sink
	guard     *guard.Guard // nil for who serves nobody
	rest      *rest.Rest   // of what comes again and again
	// certificates are those of the listeners; nil if nothing is encrypted.
	certificates *spoken
	acme         *acme.Manager // of the one that an authority issues
	routes       *routes.Table
	ledger       *ledger.Ledger // of what clients and peers make it hold
	state        *state.Directory
	negatives    *trustanchor.Negatives
	judgeAnew    func() // see running.succeedItself
	follower     *trustanchor.Follower
	incidents    *incident.Book
	watched      *watch.Book
	recorder     *recorder.Recorder
	signatures   *expiry.Book      // that end soon
	keeper       *secondary.Keeper // of copies of zones
	fleet        *fleet.Fleet      // whose memory is shared
	commands     *commands.Member  // of the fleet
	// applyCommand and shareSecrets are what running does for the fleet, from when it listens on.
	applyCommand func(c commands.Command, node string) error
	shareSecrets func(first []byte, others [][]byte)
	enforced     enforced
	catalogs     catalogs
	membersMoved func()                  // see running.takeMembers
	rulesChanged func()                  // see running.enforceAnew
	lists        *weblist.Keeper         // of block lists that are fetched
	listsChanged func()                  // see running.takeLists
	published    []trustanchor.Published // that were downloaded; guarded by reloading
	kept         *keptChanges
	networks     *networks
	inUse        atomic.Pointer[inUse]

	confined    confine.Report
	demand      transport.Demand // of descriptors
	program     service.Program  // that runs, for a successor
	sockets     *service.Sockets
	predecessor *service.Predecessor // nil if there is none
}

// newStack builds what resolves. A server has a journal; without one, log lines go to standard
// error and a panic ends the process as it always does.
func newStack(p *snapshot.Snapshot, ex transport.Exchanger, j *observe.Journal) *stack {
	cfg := p.Config
	s := &stack{cfg: cfg, clock: clock.Default(), metrics: observe.New(), exchanger: ex,
		rest: rest.New(cfg.Service.Rest), sockets: &service.Sockets{}, routes: routes.New(),
		ledger: ledger.New(cfg.Division().Held),
		log:    observe.NewLog(cfg.Log, os.Stderr)}
	n, network := ex.(*transport.NetExchanger)
	if network {
		n.Ledger = s.ledger
		n.SetSource(cfg.Transport.Source)
	} else {
		n = &transport.NetExchanger{} // its metrics are there, and stay as they are
	}
	s.metrics.WatchExchanger(n)
	s.metrics.Built(version, sources(), runtime.Version())
	if j != nil {
		s.log = observe.NewLog(cfg.Log, j)
		s.state = state.Open(cfg.State.Path(), s.log)
		s.metrics.WatchState(s.state)
		s.guard = guard.New(s.log, s.metrics.Panic, func() {
			j.Close()
			os.Exit(exitPanics)
		})
		s.metrics.Guard = s.guard
		if network {
			n.Guard = s.guard
		}
	}
	s.events = event.NewLog(s.log)
	s.acme = s.newACME()
	s.acme.Use(p.ACME)
	s.metrics.WatchACME(s.acme)
	s.metrics.WatchCertificates(s.namedCertificates)
	if p.Certificates != nil {
		s.certificates = newSpoken(s.withACME(p), s.log)
	}
	if m, moves := s.clock.(interface{ Set(time.Time) }); moves && !cfg.ClockStart.IsZero() {
		m.Set(cfg.ClockStart)
	}
	s.enforced.rules, s.enforced.uses = map[wire.Name]*rpz.Rules{}, map[wire.Name]*rpz.Uses{}
	s.keeper = s.newKeeper()
	s.loadMembers()
	p.TakeMembers(s.members(p))
	s.keeper.Replace(p.Secondary)
	p.Secondary.Files = nil // the keeper has them
	s.metrics.WatchZones(s.keeper.Status)
	s.lists = s.newLists(s.webClient())
	s.lists.Replace(p.Fetched)
	s.lists.Load()
	p.TakeLists(s.lists.Text)
	s.metrics.WatchCatalogs(s.catalogStates)
	s.metrics.WatchLists(s.lists.Status)
	s.metrics.WatchNetworkZones(func() (forwarded, refused, unproven int) {
		return s.networks.counts(s.now().Config)
	})
	s.metrics.WatchPolicyZones(func() []rpz.Zone { return s.policyZones(s.now().Policy).All() })
	s.metrics.WatchLocal(func() (records, blocked int) {
		return s.now().Records, s.now().Blocked
	})
	s.store = cache.New(cfg.Cache)
	s.fleet = fleet.New(fleet.Parts{Clock: s.clock, Log: s.log, Guard: s.guard,
		Writes: s.metrics.Fleet})
	s.metrics.WatchFleet(s.fleet.Counts(), s.fleet.Status)
	s.commands = s.newCommands()
	s.metrics.WatchCommands(s.commands)
	s.judgeAnew, s.rulesChanged, s.listsChanged = func() {}, func() {}, func() {}
	s.membersMoved = func() {}
	s.kept = loadKept(s.state, s.log)
	s.networks = newNetworks(s.state, s.clock)
	s.negatives = s.newNegatives()
	s.metrics.WatchNegatives(s.negatives)
	s.incidents, s.recorder = s.newIncidents(), recorder.New(cfg.Recorder)
	s.metrics.WatchIncidents(s.incidents)
	s.watched = s.newWatched()
	s.metrics.WatchWatched(s.watched)
	s.signatures = expiry.NewBook(expiry.Parts{Clock: s.clock, Log: s.log,
		Lead: s.metrics.SignatureLead})
	s.metrics.WatchSignatures(s.signatures)
	s.follower = s.newFollower()
	s.published = s.loadPublished()
	s.follower.Configure(followed(cfg), s.anchorsOf(p))
	configured := p
	p = trusting(p, s.follower.Trusted())
	s.inUse.Store(&inUse{Snapshot: p, configured: configured,
		resolver: resolver.New(p.Resolver, s.parts(p, nil))})
	s.nameNetwork(cfg.Transport.Source)
	s.metrics.WatchAnchors(s.follower)
	s.metrics.WatchNetwork(func() resolver.NetworkState { return s.now().resolver.NetworkState() })
	s.metrics.WatchClock(func() resolver.ClockState { return s.now().resolver.ClockState() })
	s.metrics.WatchCaches(s.store, func() *resolver.Resolver { return s.now().resolver })
	s.metrics.WatchForwarders(func() *resolver.Resolver { return s.now().resolver })
	if p256.Fast {
		if err := p256.SelfTest(); err != nil {
			s.log.Error("our own P-256 is not used", "reason", err.Error(),
				"hint", "the processor or this build is at fault; report it")
		}
	}
	return s
}

// sink returns the sink of events under a configuration; nil if nobody listens.
func (s *stack) sink(c observe.Config) event.Sink {
	if c.Level > slog.LevelDebug {
		return nil
	}
	return s.events
}

// parts are what the resolver of a snapshot works with. The servers that the operator names are
// watched one by one.
func (s *stack) parts(p *snapshot.Snapshot, tap *dnstap.Tap) resolver.Parts {
	var own []netip.AddrPort
	for i := range p.Resolver.Zones {
		own = append(own, p.Resolver.Zones[i].Servers()...)
	}
	var realms []resolver.Realm
	for i := range p.Realms {
		r := &p.Realms[i]
		for i := range r.Zones {
			own = append(own, r.Zones[i].Servers()...)
		}
		realms = append(realms, resolver.Realm{Name: p.ViewsOf(i + 1), Zones: r.Zones,
			Anchors: s.negatives.Apply(r.Anchors(p.Anchors))})
	}
	return resolver.Parts{Cache: s.store, Anchors: s.negatives.Apply(p.Anchors),
		Exchanger: s.exchanger, Clock: s.clock, Events: s.sink(p.Config.Log), Guard: s.guard,
		Rest:   s.rest,
		Routes: s.routes, Ledger: s.ledger, Tap: tap,
		Observer: observe.NewUpstreams(s.metrics, s.log, s.clock.Now, own),
		Copies:   copies{s.keeper}, Fleet: s.fleet, Realms: realms}
}

// running is a stack that listens.
type running struct {
	*stack
	server  *server.Server
	gate    *transport.Gate
	gc      *collector
	tls     *transport.TLS // nil if nothing is encrypted
	xdp     *transport.XDP
	console *console.Console
	control *console.Control
	desk    *console.Desk
	api     *console.API
	began   time.Time
	asked   chan ending // by a command
	// explaining has a place for each name that may be explained at once.
	explaining chan struct{}
	steps      *hook.Chain        // of the operator's own; nil: there are none
	loaded     chan struct{}      // closed when the saved caches are loaded
	stop       context.CancelFunc // of what goes on in the background
	unwatch    func()             // ends what watch began
	// unwatching is done when nothing is watched any more.
	unwatching sync.Once
	ready      bool                  // as watch has said last; its own
	network    resolver.NetworkState // the same
	checkup    checkup               // the watchdog's own

	tracer *tracing.Exporter // of resolutions; nil: there is none; guarded by reloading

	files seenFiles // of certificates for questions to others

	// fleetTickets are the secrets of session tickets that the fleet shares, the one that they are
	// made with first; nil: there are none; guarded by reloading.
	fleetTickets [][]byte

	// disagreement is what the sources of trust anchors disagree about; guarded by reloading.
	disagreement string

	reloader
}

// listen opens all listeners, or none.
func (s *stack) listen() (r *running, err error) {
	r = &running{stack: s, stop: func() {}, unwatch: func() {}, asked: make(chan ending, 1),
		loaded: make(chan struct{}), began: time.Now(),
		explaining: make(chan struct{}, maxExplained),
		xdp:        transport.NewXDP(transport.XDPParts{Log: s.log, Guard: s.guard})}
	s.judgeAnew, s.rulesChanged, s.listsChanged = r.succeedItself, r.enforceAnew, r.takeLists
	s.membersMoved = r.takeMembers
	s.applyCommand, s.shareSecrets = r.doForFleet, r.useShared
	now := s.now()
	r.desk = console.NewDesk(r.operations(), observe.Always(s.log),
		func(over console.Interface, o console.Outcome) {
			s.rest.Stir()
			s.metrics.Control(over, o)
		})
	steps, err := hook.NewChain(hooks())
	if err != nil {
		return r, err
	}
	r.steps = steps
	s.metrics.WatchHooks(steps.Status)
	r.server = server.New(now.Server, server.Parts{Resolver: now.resolver, Cache: s.store,
		Clock: s.clock, Observer: s.metrics, Incidents: s.incidents,
		Recorder: s.recorder, Guard: s.guard, Rest: s.rest, Ledger: s.ledger, Log: s.log,
		Hooks: steps, Notify: s.keeper.Notify})
	var kept service.Secrets
	if s.predecessor != nil {
		kept = s.predecessor.Secrets
	}
	r.server.SetOwnSecret(kept.Cookies)
	r.ctx, r.stop = context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			r.close()
		}
	}()
	if s.certificates != nil {
		r.prepareTLS(now.Tickets.Following(kept.Tickets))
	}
	if err = r.newGate(); err != nil {
		return r, err
	}
	s.metrics.WatchXDP(r.xdp.States)
	next := *now
	if next.tap, err = r.tapOf(s.cfg, nil); err != nil {
		return r, err
	}
	if next.tap != nil {
		next.resolver = now.resolver.Successor(now.Snapshot.Resolver,
			s.parts(now.Snapshot, next.tap))
	}
	if next.queries, err = r.logQueries(s.cfg, now); err != nil {
		return r, err
	}
	if _, err = r.open(&next, nil); err != nil {
		return r, err
	}
	r.install(&next)
	var inherited *net.TCPListener
	if addr, err := netip.ParseAddrPort(s.cfg.Console.Listen); err == nil {
		inherited = s.sockets.Stream(addr)
	}
	if r.console, err = console.Listen(s.cfg.Console.Listen, inherited, s.metrics.Registry,
		s.guard); err != nil {
		return r, err
	}
	r.api = console.NewAPI(r.desk, version, s.log)
	r.allowAPI(now.Snapshot)
	r.console.SetAPI(r.api)
	if r.control, err = r.openControl(s.cfg.Console); err != nil {
		return r, err
	}
	r.openXDP()
	for _, unused := range s.sockets.CloseRest() {
		s.log.Warn("an inherited socket is closed: nothing in the configuration listens there",
			"socket", unused)
	}
	return r, nil
}

// openControl opens the control socket of a configuration, nil if it has none. In the usual place
// another server may be, or this user may not make it: then there is none.
func (r *running) openControl(cfg console.Config) (*console.Control, error) {
	path := cfg.Socket
	if path == console.AutoSocket {
		path = usualSocket()
	}
	if path == "" {
		return nil, nil
	}
	if cfg.Socket == console.AutoSocket {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			r.log.Warn("no control socket", "error", err.Error())
			return nil, nil
		}
	}
	inherited := r.sockets.Unix(path)
	if inherited != nil && r.predecessor != nil { // a service manager keeps its own
		inherited.SetUnlinkOnClose(true)
	}
	c, err := console.ListenControl(path, cfg, inherited, r.desk, r.guard)
	if err != nil && cfg.Socket == console.AutoSocket {
		r.log.Warn("no control socket", "error", err.Error())
		return nil, nil
	}
	return c, err
}

// allowAPI has those use the API whom a snapshot has tokens of, over what it encrypts with.
func (r *running) allowAPI(p *snapshot.Snapshot) {
	c := p.Config.Console
	r.console.Encrypt(p.Admin)
	r.api.Allow(console.Access{Tokens: p.Tokens, Hosts: c.Hosts, Page: c.Page,
		Closed: c.Closed, By: p.Admin})
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

// start serves. No reload comes before it is done.
func (r *running) start() {
	r.reloading.Lock()
	defer r.reloading.Unlock()
	if r.gc == nil {
		r.gc = newCollector()
	}
	r.gc.allow(r.cfg.Cache.Memory, r.cfg.Division().Heap)
	tuneScheduler()
	r.keeper.Start()
	r.enforced.begun.Store(true)
	r.beginPolicy()
	r.lists.Start()
	r.watched.Start()
	r.acme.Start()
	for _, l := range r.now().listeners {
		l.Start(l.handler)
	}
	r.xdp.Start()
	r.metrics.Configured(time.Now(), r.now().Config.Digest(), false)
	r.retiring.Go(func() {
		r.guard.Run(guard.Upkeep, func() {
			r.routes.Watch(r.ctx, r.rest, r.clock.Now, r.networkChanged)
		})
	})
	r.traceBy(r.now().Tracing)
	r.fleet.Use(r.now().Fleet)
	r.joinFleet()
	r.maintain()
	r.keepWarm()
	r.retiring.Go(func() {
		r.guard.Run(guard.Upkeep, func() { r.negatives.Run(r.ctx) })
	})
	r.retiring.Go(func() { r.incidents.Run(r.ctx) })
	r.compareAnchors() // nothing else runs yet
	r.retiring.Go(func() { r.follower.Run(r.ctx, r.retrust) })
	r.retiring.Go(func() { r.guard.Run(guard.Upkeep, func() { r.keepClock(r.ctx) }) })
	r.retiring.Go(func() { r.fetchAnchors(r.ctx) })
	r.retiring.Go(func() { r.proveZones(r.ctx) })
	r.retiring.Go(func() { r.keepFiles(r.ctx) })
	if r.control != nil {
		r.control.Start()
	}
	r.now().resolver.KeepWarm()
	r.console.Start()
	if r.predecessor == nil { // else it goes on, see unready
		r.server.SetReady(cause.New(cause.NotReady, nil, ""))
	}
	r.watch()
	r.rereadCatalogs()
	r.server.BeginHooks(r.enforceAnew)
}

// watch tells whoever asks the console, or for ready.server, whether names can be resolved, and
// the log when that changes. Where stale data are served it goes on without a console, too: it
// learns when servers that were all silent are back, while clients are content with what is stale.
func (r *running) watch() {
	if r.console.Addr() == "" && !r.now().Config.Resolver.Stale.Enabled {
		r.server.SetReady(nil) // as far as anybody knows
		return
	}
	ctx, stop := context.WithCancel(r.ctx)
	done := make(chan struct{})
	r.unwatch = func() { stop(); <-done }
	resolver := r.now().resolver
	go func() {
		defer close(done)
		told := false
		resolver.Watch(ctx, func(why *cause.Failure) {
			r.sayNetwork(resolver.NetworkState())
			r.metrics.Ready(why == nil)
			text := ""
			if why != nil {
				text = why.Cause.Label() + ": " + why.Error()
			}
			r.console.SetReady(text)
			r.server.SetReady(why)
			switch {
			case told && r.ready == (why == nil):
			case why == nil:
				r.log.Info("ready")
			default:
				r.log.Warn("not ready", "cause", why.Cause.Label(), "detail", why.Error())
			}
			r.ready, told = why == nil, true
		})
	}()
}
