// Package observe has the metrics, the log lines about servers, and the buffer that the log is
// written through. Metrics of queries, exchanges and connections are defined in this file. Labels
// come from closed sets, so that no client can make new series.
package observe

import (
	"net/netip"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/counter"
	"bailiwick/internal/event"
	"bailiwick/internal/expiry"
	"bailiwick/internal/guard"
	"bailiwick/internal/ledger"
	"bailiwick/internal/limit"
	"bailiwick/internal/memcache"
	"bailiwick/internal/policy"
	"bailiwick/resolver"
	"bailiwick/transport"
	"bailiwick/wire"
)

// Metrics observes the resolver and the server.
type Metrics struct {
	Registry *prometheus.Registry
	// Guard, if set, catches panics of collectors, which run in goroutines of the registry. It is
	// set before the first scrape.
	Guard *guard.Guard

	queries    [][]*counter.Counter // by protocol and type
	upstream   map[upstreamKey]prometheus.Counter
	rtt        []prometheus.Observer // by protocol
	validated  [5]prometheus.Counter
	judged     [5]*counter.Counter // RRsets, by result
	mismatched []*counter.Counter  // by difference
	failures   *prometheus.CounterVec
	servfail   *prometheus.CounterVec
	tolerated  *prometheus.CounterVec
	limits     *prometheus.CounterVec
	refused    [len(refusals)]*counter.Counter
	synthetic  *counter.Counter
	subnets    []*counter.Counter // by result

	connections []prometheus.Gauge // by protocol
	handshakes  *prometheus.CounterVec
	faults      *prometheus.CounterVec

	panics []prometheus.Counter // by place
	ready  prometheus.Gauge
	paced  prometheus.Counter

	privates   prometheus.Counter
	networks   [2]prometheus.Counter  // changes of the network, returns from sleep
	stale      [4]*counter.Counter    // by reason
	local      [6][6]*counter.Counter // by source and outcome
	cookies    [4]*counter.Counter    // by kind
	renewed    [5][2]*counter.Counter // by reason, failed and fresh
	ownServers *counter.Counter       // packets
	reported   [5]*counter.Counter    // by result

	disagreements prometheus.Gauge      // of the sources of trust anchors
	fetches       [2]prometheus.Counter // of trust anchors, failed and not

	used, declined prometheus.Counter // configurations
	configured     prometheus.Gauge
	digest         *prometheus.GaugeVec

	lead       prometheus.Histogram
	signatures atomic.Pointer[expiry.Book] // nil: nothing follows signatures

	life
	*responses
	*clients
	control, queryLog *prometheus.CounterVec

	Dnstap *counter.Outcomes // of copies of messages
	Traces *counter.Outcomes // of traces of resolutions
	Fleet  *counter.Outcomes // of records for the memory that a fleet shares
}

// maxRCode is the largest code that has a label of its own.
const maxRCode = wire.RCodeBadVers

type upstreamKey struct {
	via    transport.Protocol
	family family
	c      cause.Cause
}

// family is that of a server's address.
type family uint8

func (f family) String() string { return [...]string{"ipv4", "ipv6"}[f] }

// familyOf returns the family of an address.
func familyOf(a netip.Addr) family {
	if a.Unmap().Is4() {
		return 0
	}
	return 1
}

// types are those with a label of their own; the label of all others is "other".
var types = []wire.Type{wire.TypeA, wire.TypeAAAA, wire.TypeNS, wire.TypeCNAME, wire.TypeSOA,
	wire.TypePTR, wire.TypeMX, wire.TypeTXT, wire.TypeSRV, wire.TypeNAPTR,
	wire.TypeDS, wire.TypeDNSKEY, wire.TypeSVCB, wire.TypeHTTPS, wire.TypeANY}

// refusals are the causes for which a query can be refused, dropped or given up.
var refusals = [...]cause.Cause{cause.ClientRefused, cause.ClientDropped, cause.QueryRefused,
	cause.NotRecursive, cause.RequestTooEarly, cause.RequestSignature,
	cause.ClientGone, cause.RateQueries,
	cause.RateResponses}

// buckets of latencies, in seconds.
var buckets = []float64{.0001, .0005, .001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5}

// New defines the metrics.
func New() *Metrics {
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m := &Metrics{Registry: reg, upstream: map[upstreamKey]prometheus.Counter{}}
	m.defineQueries(reg)
	m.responses, m.clients = newResponses(reg), newClients(reg)
	m.newTransports()
	m.defineUpstream(reg)
	m.defineValidation(reg)
	m.defineFailures(reg)
	m.defineMemory(reg)
	m.defineProcess(reg)
	return m
}

// defineQueries defines the metrics of clients, their queries, and the answers that are made here.
func (m *Metrics) defineQueries(reg *prometheus.Registry) {
	queries := newCounters(reg, "queries_total", "Queries from clients, by transport and type.",
		"transport", "type")
	for _, p := range transport.Protocols() {
		var row []*counter.Counter
		for _, t := range types {
			row = append(row, queries.with(p.String(), t.String()))
		}
		m.queries = append(m.queries, append(row, queries.with(p.String(), "other")))
	}
	refused := newCounters(reg, "refused_total",
		"Queries refused, or dropped, for who asked or what for, or given up by their client, by "+
			"cause.", "cause")
	for i, c := range refusals {
		m.refused[i] = refused.with(c.Label())
	}
	connections := newGaugeVec(reg, "connections", "Open client connections, by transport.",
		"transport")
	for _, p := range transport.Protocols() {
		m.connections = append(m.connections, connections.WithLabelValues(p.String()))
	}
	m.paced = newCounter(reg, "paced_answers_total",
		"Answers over UDP that were delayed for a moment, because too many to one address became "+
			"ready at once.")
	m.privates = newCounter(reg, "private_answers_refused_total",
		"Answers that were refused because they had private addresses.")
	cookies := newCounters(reg, "client_cookies_total",
		"Queries with a DNS cookie, by whether it has none of a server yet (new), one of the "+
			"current secret (valid), of another one that is accepted (former), or neither: too "+
			"old, of another address, or of a server with another secret (invalid).", "cookie")
	for _, kind := range event.CookieKinds() {
		m.cookies[kind] = cookies.with(kind.Label())
	}
	local := newCounters(reg, "local_answers_total",
		"Answers that are made here, by source: policy.local_records, policy.local_zones and "+
			"policy.hosts_files (zones), policy.block_lists (lists), special names (special), "+
			"policy zones (rpz), addresses of translators (dns64), policy steps that are "+
			"compiled in (hooks); and by what they say.", "source", "outcome")
	for _, from := range policy.Sources() {
		for _, o := range policy.Outcomes() {
			m.local[from][o] = local.with(from.Label(), o.Label())
		}
	}
}

// defineUpstream defines the metrics of what servers are asked.
func (m *Metrics) defineUpstream(reg *prometheus.Registry) {
	upstream := newCounterVec(reg, "upstream_queries_total",
		"Exchanges with servers, by transport, family of the server's address, and outcome.",
		"transport", "family", "outcome")
	for _, p := range transport.Protocols(transport.Protocol.Upstream) {
		for _, c := range append(cause.All(), cause.None) {
			for f := range family(2) {
				if c.Upstream() {
					m.upstream[upstreamKey{p, f, c}] = upstream.WithLabelValues(p.String(),
						f.String(), outcome(c))
				}
			}
		}
	}
	mismatched := newCounters(reg, "upstream_mismatched_replies_total",
		"Packets from the address of a server that was asked, that are not its reply: another ID "+
			"or question (question), or another cookie (cookie) or client network (network) than "+
			"was sent. Somebody may be guessing.", "difference")
	for _, why := range resolver.Mismatches() {
		m.mismatched = append(m.mismatched, mismatched.with(why.Label()))
	}
	rtt := registered(reg, prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: namespace, Name: "upstream_rtt_seconds",
		Help: "Round trips to authorities, by transport.", Buckets: buckets},
		[]string{"transport"}))
	m.rtt = make([]prometheus.Observer, len(transport.Protocols()))
	for _, p := range transport.Protocols(transport.Protocol.Upstream) {
		m.rtt[p] = rtt.WithLabelValues(p.String())
	}
	m.ownServers = newCounters(reg, "server_set_packets_total",
		"Packets that were sent to ask zones for their own NS sets (resolver.revalidate_ns).").
		with()
	reported := newCounters(reg, "error_reports_total",
		"Failures that a zone's monitoring agent wants to be told of (RFC 9567), by what became "+
			"of the report: it was sent (sent) or could not be (failed), the agent knows already "+
			"(known), there were too many (limited), or the agent's domain or the length of the "+
			"name makes it impossible (unfit).", "result")
	for _, result := range resolver.ReportResults() {
		m.reported[result] = reported.with(result.Label())
	}
	subnets := newCounters(reg, "ecs_questions_total",
		"Questions that a client's network went with (RFC 7871), by what came of it: tailored, "+
			"general (scope 0), absent, other (a reply for another network, dropped), refused, "+
			"silent.", "result")
	for _, s := range resolver.SubnetResults() {
		m.subnets = append(m.subnets, subnets.with(s.Label()))
	}
}

// defineValidation defines the metrics of validation and of trust anchors.
func (m *Metrics) defineValidation(reg *prometheus.Registry) {
	judged := newCounters(reg, "validated_rrsets_total",
		"RRsets that were judged, proofs among them, by the result for their response.", "result")
	for s := range m.judged {
		m.judged[s] = judged.with(wire.Security(s).String())
	}
	validated := newCounterVec(reg, "validations_total", "Judged responses, by result.", "result")
	for s := range m.validated {
		m.validated[s] = validated.WithLabelValues(wire.Security(s).String())
	}
	m.failures = newCounterVec(reg, "validation_failures_total",
		"Responses judged bogus, or insecure for a reason that clients are told, by cause.",
		"cause")
	m.tolerated = newCounterVec(reg, "unvalidated_answers_total",
		"Answers of permissive zones, and about time servers while the clock is wrong, that did "+
			"not verify and were served, by cause; without those that were prepared.", "cause")
	for _, c := range cause.All() {
		if c.Kind() == cause.KindDNSSEC {
			m.tolerated.WithLabelValues(c.Label())
		}
		if c.Judged() {
			m.failures.WithLabelValues(c.Label())
		}
	}
	m.disagreements = newGauge(reg, "trust_anchor_disagreements",
		"Keys that the sources of trust anchors disagree about; the log and /readyz name them.")
	fetches := newCounterVec(reg, "trust_anchor_fetches_total",
		"Downloads of the root's trust anchors (RFC 9718), by outcome: failed or used.", "outcome")
	m.fetches = [2]prometheus.Counter{fetches.WithLabelValues("failed"),
		fetches.WithLabelValues("used")}
	m.lead = newLead(reg)
}

// defineFailures defines the metrics of what fails, and of limits.
func (m *Metrics) defineFailures(reg *prometheus.Registry) {
	m.servfail = newCounterVec(reg, "servfail_total",
		"SERVFAIL responses, by cause, and by kind of cause: who can correct it.", "cause", "kind")
	m.limits = newCounterVec(reg, "limits_hit_total", "Limits that were hit, by cause.", "cause")
	for _, c := range cause.All() {
		if c.Fails() {
			m.servfail.WithLabelValues(c.Label(), c.Kind().String())
		}
		if c.Kind() == cause.KindLimit {
			m.limits.WithLabelValues(c.Label())
		}
	}
	trims := newCounters(reg, "limits_trimmed_total",
		"Times that a limit left something out or put it off without failing a query, by limit.",
		"limit")
	for _, l := range limit.All() {
		trims.read(l.Count, l.Label())
	}
	panics := newCounterVec(reg, "panics_total",
		"Faults of this program that ended a query, a connection or other work, by place.", "place")
	for _, p := range guard.Places() {
		m.panics = append(m.panics, panics.WithLabelValues(p.String()))
	}
}

// defineMemory defines the metrics of what is answered from memory, and renewed there.
func (m *Metrics) defineMemory(reg *prometheus.Registry) {
	renewed := newCounters(reg, "refreshes_total",
		"Results that were resolved without a client that waited, by reason and outcome: they "+
			"were asked for before their end (ending), given to a client as stale data (stale), "+
			"kept warm (warm), are the keys of a zone in use (keys), or are a zone's own NS set "+
			"(servers).", "reason", "outcome")
	for _, why := range resolver.RefreshReasons() {
		m.renewed[why] = [2]*counter.Counter{renewed.with(why.Label(), "failed"),
			renewed.with(why.Label(), "fresh")}
	}
	stale := newCounters(reg, "stale_answers_total",
		"Answers from data that had ended (RFC 8767), by reason: fresh data could not be had "+
			"(failed), were late (late), or could not be had a short time before (recheck).",
		"reason")
	for _, why := range resolver.StaleReasons() {
		m.stale[why] = stale.with(why.Label())
	}
	m.synthetic = newCounters(reg, "synthesised_answers_total",
		"Answers made from cached denials (RFC 8198).").with()
}

// defineProcess defines the metrics of the process, of its configuration and of what it writes.
func (m *Metrics) defineProcess(reg *prometheus.Registry) {
	m.ready = newGauge(reg, "ready",
		"1 if names can be resolved, as far as is known; what /readyz says.")
	networks := newCounterVec(reg, "network_changes_total",
		"Changes of this machine's addresses and routes, and its returns from sleep, by kind.",
		"kind")
	m.networks = [2]prometheus.Counter{networks.WithLabelValues("network"),
		networks.WithLabelValues("sleep")}
	m.life, m.control, m.queryLog = newLife(reg), newControl(reg), newQueryLog(reg)
	m.Dnstap = newOutcomes(reg, "dnstap_messages_total", "Copies of DNS messages")
	m.Traces = newOutcomes(reg, "traces_total", "Traces of resolutions")
	m.Fleet = newOutcomes(reg, "fleet_records_total", "Records for the store that a fleet shares")
	reloads := newCounterVec(reg, "config_reloads_total",
		"Times that the configuration was read again, by outcome: used or refused.", "outcome")
	m.used, m.declined = reloads.WithLabelValues("used"), reloads.WithLabelValues("refused")
	m.configured = newGauge(reg, "config_loaded_timestamp_seconds",
		"Unix time at which the configuration in use was read.")
	m.digest = newGaugeVec(reg, "config_info",
		"1, with a digest of the configuration in use: servers with the same one are configured "+
			"alike.", "digest")
}

func outcome(c cause.Cause) string {
	if c == cause.None {
		return "reply"
	}
	return c.Label()
}

// Query counts a client's query.
func (m *Metrics) Query(p transport.Protocol, t wire.Type) {
	i := len(types)
	for j, x := range types {
		if x == t {
			i = j
			break
		}
	}
	m.queries[p][i].Add(1)
}

// ServFail counts a SERVFAIL by cause.
func (m *Metrics) ServFail(c cause.Cause) {
	m.servfail.WithLabelValues(c.Label(), c.Kind().String()).Inc()
}

// Unvalidated counts an answer that is served although it did not verify.
func (m *Metrics) Unvalidated(c cause.Cause) { m.tolerated.WithLabelValues(c.Label()).Inc() }

// Refused counts a query that was refused or dropped.
func (m *Metrics) Refused(c cause.Cause) {
	if i := slices.Index(refusals[:], c); i >= 0 {
		m.refused[i].Add(1)
	}
}

// Limit counts a limit that was hit.
func (m *Metrics) Limit(c cause.Cause) { m.limits.WithLabelValues(c.Label()).Inc() }

// Upstream counts an exchange with a server.
func (m *Metrics) Upstream(server netip.AddrPort, via transport.Protocol, rtt time.Duration,
	c cause.Cause) {
	if n, ok := m.upstream[upstreamKey{via, familyOf(server.Addr()), c}]; ok {
		n.Inc()
	}
	if c == cause.None {
		m.rtt[via].Observe(rtt.Seconds())
	}
}

// Validated counts a validated response by its result, and by cause if it has one.
func (m *Metrics) Validated(s wire.Security, f *cause.Failure) {
	m.validated[s].Inc()
	if f != nil {
		m.failures.WithLabelValues(f.Cause.Label()).Inc()
	}
}

// JudgedSets counts the sets that a validation was about.
func (m *Metrics) JudgedSets(s wire.Security, sets int) { m.judged[s].Add(uint64(sets)) }

// Mismatched counts packets that are not the reply of the server that was asked.
func (m *Metrics) Mismatched(why resolver.Mismatch, n int) { m.mismatched[why].Add(uint64(n)) }

// Refreshed counts a result that was resolved without a client that waited.
func (m *Metrics) Refreshed(why resolver.RefreshReason, fresh bool) {
	outcome := 0
	if fresh {
		outcome = 1
	}
	m.renewed[why][outcome].Add(1)
}

// Revalidated counts the packets of a question for a zone's own NS set.
func (m *Metrics) Revalidated(packets int) { m.ownServers.Add(uint64(packets)) }

// Reported counts what became of the report of a failure.
func (m *Metrics) Reported(result resolver.ReportResult) { m.reported[result].Add(1) }

// Subnets counts what became of questions with a client's network.
func (m *Metrics) Subnets(result resolver.SubnetResult, n int) {
	m.subnets[result].Add(uint64(n))
}

// Synthesised counts an answer made from denials.
func (m *Metrics) Synthesised() { m.synthetic.Add(1) }

// Paced counts an answer that is delayed, see the server's pace.go.
func (m *Metrics) Paced() { m.paced.Inc() }

// PrivateAnswer counts an answer that is refused because it has private addresses.
func (m *Metrics) PrivateAnswer() { m.privates.Inc() }

// Local counts an answer that is made here.
func (m *Metrics) Local(from policy.Source, outcome policy.Outcome) {
	m.local[from][outcome].Add(1)
}

// Stale counts an answer from stale data.
func (m *Metrics) Stale(why resolver.StaleReason) { m.stale[why].Add(1) }

// Cookie counts a query with a cookie.
func (m *Metrics) Cookie(kind event.CookieKind) { m.cookies[kind].Add(1) }

// NetworkChanged counts a change of the network, or a return from sleep.
func (m *Metrics) NetworkChanged(slept bool) {
	if slept {
		m.networks[1].Inc()
	} else {
		m.networks[0].Inc()
	}
}

// Ready sets whether names can be resolved.
func (m *Metrics) Ready(ready bool) {
	m.ready.Set(map[bool]float64{true: 1}[ready])
}

// Configured sets the time and the digest of the configuration in use; again is false for the first
// one.
func (m *Metrics) Configured(at time.Time, digest string, again bool) {
	m.configured.Set(float64(at.Unix()))
	m.digest.Reset()
	m.digest.WithLabelValues(digest).Set(1)
	if again {
		m.used.Inc()
	}
}

// ConfigRefused counts a configuration that was read again and refused.
func (m *Metrics) ConfigRefused() { m.declined.Inc() }

// Panic counts a panic that was caught.
func (m *Metrics) Panic(p guard.Place) { m.panics[p].Inc() }

// guarded is a collector whose panic costs only its own metrics.
type guarded struct {
	m *Metrics
	prometheus.Collector
}

// Collect implements prometheus.Collector.
func (g *guarded) Collect(ch chan<- prometheus.Metric) {
	g.m.Guard.Run(guard.Console, func() { g.Collector.Collect(ch) })
}

// describe implements a collector's Describe, by all that it may ever collect: what it would send
// now (prometheus.DescribeByCollect) lacks whatever has no series yet.
func describe(ch chan<- *prometheus.Desc, all ...*prometheus.Desc) {
	for _, d := range all {
		ch <- d
	}
}

// WatchCertificates adds the metric of the certificates' expiry, read when metrics are scraped.
func (m *Metrics) WatchCertificates(all func() []transport.NamedCertificate) {
	m.Registry.MustRegister(&guarded{m, certificates(all)})
}

// WatchGate adds the metrics of what connections take.
func (m *Metrics) WatchGate(g *transport.Gate) {
	gauge := func(name, help string, f func() float64) {
		readGauge(m.Registry, name, help, nil, f)
	}
	gauge("connection_seats", "Connections that clients may have at once, all transports together.",
		func() float64 { return float64(g.Seats()) })
	gauge("connection_held_bytes", "Octets held of unfinished messages and unsent answers.",
		func() float64 { return float64(g.Held()) })
}

// WatchLedger adds the metrics of what clients and peers make the process hold.
func (m *Metrics) WatchLedger(l *ledger.Ledger) {
	for _, a := range ledger.All() {
		readGauge(m.Registry, "held_bytes",
			"Bytes charged for what clients and servers make the process hold, by account.",
			prometheus.Labels{"account": a.Label()},
			func() float64 { return float64(l.Held(a)) })
	}
	readGauge(m.Registry, "held_limit_bytes",
		"What all accounts of bailiwick_held_bytes together may reach.", nil,
		func() float64 { return float64(l.Total()) })
}

// certificates are those that the configuration names.
type certificates func() []transport.NamedCertificate

var (
	certificateLabels = []string{"key", "index", "name", "from"}
	certificateEnd    = desc("certificate_expiry_timestamp_seconds",
		"Unix time at which a certificate expires that this server shows, or that others are "+
			"verified by, by the key of the configuration that names it, its place there, its "+
			"name, and whether it is from a file or from the authority of tls.acme. Of several "+
			"authorities in a file it is the one that expires last.", certificateLabels...)
	certificateStart = desc("certificate_start_timestamp_seconds",
		"Unix time from which on the certificate is valid that "+
			"bailiwick_certificate_expiry_timestamp_seconds has the end of.", certificateLabels...)
	certificateStale = desc("certificate_stale",
		"1 if the files of a certificate have changed and cannot be read as they are now, so that "+
			"the one that they held before stays in use; 0 otherwise.", certificateLabels...)
)

// Describe implements prometheus.Collector.
func (c certificates) Describe(ch chan<- *prometheus.Desc) {
	ch <- certificateEnd
	ch <- certificateStart
	ch <- certificateStale
}

// Collect implements prometheus.Collector.
func (c certificates) Collect(ch chan<- prometheus.Metric) {
	for _, k := range c() {
		labels := []string{k.Key, strconv.Itoa(k.Index), k.Name(), k.From}
		sendGauge(ch, certificateEnd, k.Leaf.NotAfter.Unix(), labels...)
		sendGauge(ch, certificateStart, k.Leaf.NotBefore.Unix(), labels...)
		stale := int64(0)
		if k.Stale {
			stale = 1
		}
		sendGauge(ch, certificateStale, stale, labels...)
	}
}

// caches reads the caches' counters when the metrics are scraped.
type caches struct {
	store    *cache.Store
	resolver func() *resolver.Resolver // the one in use
}

var (
	cacheHits = desc("cache_hits_total",
		"Look-ups that found something, by cache.", "cache")
	cacheMisses = desc("cache_misses_total",
		"Look-ups that found nothing, by cache.", "cache")
	cacheEvictions = desc("cache_evictions_total",
		"Entries evicted for room, by cache.", "cache")
	cacheEntries  = desc("cache_entries", "Entries, by cache.", "cache")
	cacheBytes    = desc("cache_bytes", "Octets in use, by cache.", "cache")
	signatureHits = desc("signature_cache_hits_total",
		"Signature checks answered from memory.")
	signatureMiss = desc("signature_cache_misses_total",
		"Signature checks computed.")
	ownP256 = desc("own_p256",
		"1 if our own code verifies P-256 signatures, 0 if Go's library does.")
	fetchesNow = desc("resolutions_in_flight", "Questions being resolved.")
	warmNow    = desc("warm_questions",
		"Questions of warm.names and warm.zones, by whether the cache has their answer.", "state")
	refreshesNow = desc("refreshes_in_flight",
		"Questions being resolved before their answers end.")
)

// WatchCaches adds the metrics of caches.
func (m *Metrics) WatchCaches(s *cache.Store, r func() *resolver.Resolver) {
	m.Registry.MustRegister(&guarded{m, &caches{s, r}})
}

// Describe implements prometheus.Collector.
func (c *caches) Describe(ch chan<- *prometheus.Desc) {
	describe(ch, cacheHits, cacheMisses, cacheEvictions, cacheEntries, cacheBytes, signatureHits,
		signatureMiss, ownP256, fetchesNow, warmNow, refreshesNow)
}

// Collect implements prometheus.Collector.
func (c *caches) Collect(ch chan<- prometheus.Metric) {
	r := c.resolver().Stats()
	for name, s := range map[string]memcache.Stats{"answers": c.store.Answers.Stats(),
		"rrsets": c.store.RRsets.Stats(), "negatives": c.store.Negatives.Stats(),
		"failures": c.store.Failures.Stats(), "delegations": c.store.Delegations.Stats(),
		"denials": c.store.Denials.Stats(), "servers": r.Servers, "trust": r.Trust,
		"variants": r.Variants} {
		sendCount(ch, cacheHits, s.Hits, name)
		sendCount(ch, cacheMisses, s.Misses, name)
		sendCount(ch, cacheEvictions, s.Evictions, name)
		sendGauge(ch, cacheEntries, s.Entries, name)
		sendGauge(ch, cacheBytes, s.Bytes, name)
	}
	sendCount(ch, signatureHits, r.SignatureHits)
	sendCount(ch, signatureMiss, r.SignatureMisses)
	sendGauge(ch, ownP256, oneIf(r.OwnP256))
	sendGauge(ch, fetchesNow, r.Fetches)
	sendGauge(ch, warmNow, r.WarmFresh, "fresh")
	sendGauge(ch, warmNow, r.Warm-r.WarmFresh, "missing")
	sendGauge(ch, refreshesNow, r.Refreshes)
}
