// Package limit counts how often a limit is met that fails nothing: the first of many are taken and
// the others are left out, the oldest gives way to the newest, or something is put off. The count
// is all that is seen of it. A limit that fails a query or ends a connection has a cause instead,
// see package cause.
//
// The counts are the process's: much that limits what it takes of a message is a function of that
// message alone, with nobody to report to.
package limit

import "sync/atomic"

// Limit is a limit that fails nothing.
type Limit uint8

// The limits, by the package whose constant it is; docs/limits.md describes them.
const (
	AdoptedSignatures Limit = iota // wire.maxAdopt, wire.maxAdoptedSigs
	NameCompares                   // wire.maxVainCompares

	ZoneDenials     // cache.maxDenials
	AggressiveNSEC3 // cache.maxAggressiveIterations, cache.maxAggressiveLabels

	Signers          // validator.maxSigners
	SignaturesPerSet // validator.MaxSignaturesPerSet

	NameServers    // resolver.MaxNameServers
	Addresses      // resolver.maxAddresses
	AnySets        // resolver.MaxAnySets
	Minimised      // resolver.maxMinimised
	TargetCuts     // resolver.maxTargetCuts
	ZoneFaults     // resolver.maxZoneFaults
	Probes         // resolver.maxProbes
	ZoneTries      // resolver.maxAttempts
	OpenTries      // resolver.maxOutstanding
	Twice          // resolver.maxTwice
	BogusAnswers   // resolver.MaxBogusTries
	ServerTries    // resolver.MaxTriesPerServer, MaxTriesPerTransport, maxForms
	ServerQuota    // resolver.defaultServerQuota
	Reports        // resolver.maxZoneReports, resolver.maxReports
	WatchedZones   // resolver.maxWatchedZones
	SubnetFetches  // resolver.MaxSubnetFetches
	SubnetVariants // resolver.MaxVariants

	Targets // server.maxTargets

	PolicyRecords // rpz.maxRecords

	PendingAnchors // trustanchor.maxPending

	ConnectionQueries   // transport.MaxQueriesPerConnection
	Lingering           // transport.maxLingering
	ReadOut             // transport.maxReadOut
	Unvalidated         // transport.maxUnvalidated
	Upstreams           // transport.maxUpstreams
	UpstreamConnections // transport.maxUpstreamConns
	UpstreamSilence     // transport.maxSilence
	KeptConnections     // transport.maxAuthorityTotal

	count
)

// labels are the metric's labels. They never change once released.
var labels = [count]string{
	AdoptedSignatures: "adopted_signatures",
	NameCompares:      "name_compares",

	ZoneDenials:     "zone_denials",
	AggressiveNSEC3: "aggressive_nsec3",

	Signers:          "signers",
	SignaturesPerSet: "signatures_per_set",

	PolicyRecords: "policy_records",

	NameServers:    "name_servers",
	Addresses:      "addresses",
	AnySets:        "any_sets",
	Minimised:      "minimised",
	TargetCuts:     "target_cuts",
	ZoneFaults:     "zone_faults",
	Probes:         "probes",
	ZoneTries:      "zone_tries",
	OpenTries:      "open_tries",
	Twice:          "sent_twice",
	BogusAnswers:   "bogus_answers",
	ServerTries:    "server_tries",
	ServerQuota:    "server_quota",
	Reports:        "error_reports",
	WatchedZones:   "watched_zones",
	SubnetFetches:  "subnet_fetches",
	SubnetVariants: "subnet_variants",

	Targets: "targets",

	PendingAnchors: "pending_anchors",

	ConnectionQueries:   "connection_queries",
	Lingering:           "lingering",
	ReadOut:             "read_out",
	Unvalidated:         "unvalidated",
	Upstreams:           "upstreams",
	UpstreamConnections: "upstream_connections",
	UpstreamSilence:     "upstream_silence",
	KeptConnections:     "kept_connections",
}

var met [count]atomic.Uint64

// Met counts that the limit was met.
func (l Limit) Met() { met[l].Add(1) }

// Count returns how often the limit was met.
func (l Limit) Count() uint64 { return met[l].Load() }

// Label returns the limit's label in metrics.
func (l Limit) Label() string { return labels[l] }

// All returns all limits.
func All() (all []Limit) {
	for l := range count {
		all = append(all, l)
	}
	return all
}
