// Limits: amounts that peers or clients can influence, each with its reason. docs/limits.md lists
// them all, with what is seen when one is met. A constant that only tunes the speed, such as the
// size of a reused buffer, is defined where it is used.

package resolver

import "time"

// Limits of what a client query and all that it causes may take. docs/limits.md compares them with
// those of other resolvers.
const (
	// MaxQueries is how many packets are sent upstream, per client query with all its children.
	MaxQueries = 64
	// MaxTime is how long a resolution may take, per client query with all its children. The client
	// is answered within five seconds.
	MaxTime = 4800 * time.Millisecond
	// MaxAliases is how many CNAME and DNAME links are followed, per client query (DNS Unchained).
	// Unbound and BIND follow 11. Chains of 9 and more are in use, such as those of large sign-in
	// and content networks.
	MaxAliases = 12
	// MaxReferrals is how many delegations are followed, per question.
	MaxReferrals = 30
	// MaxFailedLookups is how many name servers' names may be looked up without success, per client
	// query with all its children (NXNSAttack, CVE-2020-8616), MaxFailedLookupsPerDelegation how
	// many of them for one delegation, and MaxFailedLookupsPerZone how many of them at one zone,
	// which may be the victim. Denials that are known already do not count. Unbound stops after 5
	// for a delegation; delegations in use have 6 dead names and more next to one that works.
	MaxFailedLookups              = 20
	MaxFailedLookupsPerDelegation = 10
	MaxFailedLookupsPerZone       = 5
	// MaxWarm is how many questions are kept fresh for the operator, process-wide, and
	// maxWarmAtOnce how many of them are resolved in warmInterval: a list of any length costs no
	// more than a slow client. One is resolved again after warmPause at the earliest, whatever its
	// TTL and however it failed.
	MaxWarm       = 4096
	maxWarmAtOnce = 32
	warmInterval  = time.Second
	warmPause     = 5 * time.Second
	// keysAheadTime is how long before the end of the trust in a zone in use its keys are resolved
	// anew: longer than that takes.
	keysAheadTime = 10 * time.Second
	// recoveryFirst is the first pause between questions to the servers of a zone whether they are
	// back, while clients get stale data of it. It is doubled up to recoveryPause: with
	// recoveryTime, which is how long one may take, fresh data are there within five seconds of
	// the servers' return. maxWatchedZones is for how many zones that is done at once,
	// process-wide, and maxRecoveries of how many the return is remembered.
	recoveryFirst   = time.Second
	recoveryPause   = 3 * time.Second
	recoveryTime    = 1500 * time.Millisecond
	maxWatchedZones = 256
	maxRecoveries   = 4096
	// maxRevalidation is how many packets it may take to ask a zone for its own NS set; a zone with
	// four servers, two of which are silent, needs three. Nobody waits for the answer, and no
	// client pays.
	maxRevalidation = 8
	// stalePrepared is how long an answer from stale data is kept in wire form, and one of a
	// failure that is over when servers or the network are back: a busy name costs little, and
	// fresh data are not hidden for longer.
	stalePrepared = 2 * time.Second
	// Error reports (RFC 9567). Anyone can publish a broken zone whose agent is somebody else,
	// and have clients ask for its names. maxZoneReports is how many reports about one zone are
	// sent in reportPeriod: a zone that is broken as a whole is known from a few. maxReports is
	// how many are sent about all, and maxReportPackets what one may take, with the way to the
	// agent's servers.
	maxZoneReports   = 10
	maxReports       = 120
	reportPeriod     = time.Minute
	maxReportPackets = 16
	// maxAgents is of how many zones the agent is known, and agentTime for how long.
	maxAgents = 1024
	agentTime = time.Hour
	// MaxDepth is how deep questions may depend on questions, per client query.
	MaxDepth = 12

	// MaxNameServers is how many name servers of a delegation are kept (NRDelegation).
	MaxNameServers = 13
	// maxAddresses is how many addresses of a name server are kept, for each family
	// (CVE-2026-3592).
	maxAddresses = 4
	// MaxAnySets is how many sets of an answer to ANY are validated and passed on, the first ones:
	// each costs a signature check, and an answer may hold thousands. An answer need not have all
	// (RFC 8482, section 4.1). Unbound takes as many; the apex of a busy zone has about twelve.
	MaxAnySets = 24
	// maxMinimised is how many steps are asked with a shortened name, per question (RFC 9156,
	// section 2.3).
	maxMinimised = 10

	// maxAttempts is how many exchanges with the servers of one zone are tried, per question.
	maxAttempts = 20
	// MaxTriesPerServer is how often one address is tried, per question: twice over UDP, over TCP,
	// and once more over UDP.
	MaxTriesPerServer = 4
	// MaxTriesPerTransport is how many questions one address may leave unanswered over one
	// transport, per question (RFC 9520, section 3.1).
	MaxTriesPerTransport = 3
	// maxOutstanding is how many tries are open at once, per question.
	maxOutstanding = 4
	// MaxOpenTries is how many tries beyond the first of their question are open, process-wide;
	// beyond it a new one replaces the oldest of its question. Each holds a descriptor, and silent
	// zones are cheap.
	MaxOpenTries = 2048
	// maxForms is how many queries one address is sent over UDP, per question, in all forms
	// together; an error in reply to one leads to the next form.
	maxForms = 8
	// maxLocalTries is how often a query to one address is repeated because this machine had no
	// descriptor, port or memory for it, per question.
	maxLocalTries = 8
	// fallbackDenialTTL is how long a denial of the public tree is kept for a name of a configured
	// zone whose servers failed: the name may exist there, and the servers may be back soon. Their
	// silence would be remembered for about as long.
	fallbackDenialTTL = 30 * time.Second
	// MaxBogusTries is how many bogus answers are validated, per question, before giving up.
	MaxBogusTries = 6
	// bogusBeforeConfirm is how many bogus answers, of one server or of several, lead to the
	// question in lower case, see [zoneQuery.confirm]: all servers may have the same signer, and
	// each answer costs signature checks.
	bogusBeforeConfirm = 2
	// maxNeeds is how often a validation may ask for one more zone's trust, per response.
	maxNeeds = 24

	// MaxFlights is the number of resolutions at once, process-wide; the oldest are ended for new
	// ones.
	MaxFlights = 4096
	// defaultZoneQuota is how many questions to a zone whose servers do not answer are under way at
	// once, process-wide, and defaultServerQuota how many tries of such a server. As many more are
	// reserved for what resolutions depend on. A dead zone in use has a few names that are asked
	// for, and their failures are remembered for some seconds. A server may ignore one zone and
	// serve many others: that zone takes no more than half of its quota, with MaxTriesPerServer
	// tries of each question.
	defaultZoneQuota   = 64
	defaultServerQuota = 2 * MaxTriesPerServer * defaultZoneQuota
	// quotaShare is how many times the number of free resolutions may be under way for a zone, or a
	// server, that answers, process-wide: a busy top-level domain may have two thirds of all.
	quotaShare = 2
	// quotaFrom and quotaTo are the percentages of failed questions from which a quota shrinks, and
	// from which nothing is left but the number for a zone that does not answer. A network that
	// loses half of all packets, and servers that ignore some types, are below.
	quotaFrom = 50
	quotaTo   = 90
	// quotaCells is how many counters a row of a quota has, at 8 bytes.
	quotaCells = 4096
	// lingerTime is how long a fetch goes on after the last client that waited for it was answered
	// for want of time: a stub resolver asks again at once or within a second. maxLingering is how
	// many do at once.
	lingerTime   = 2 * time.Second
	maxLingering = 128
	// MaxRefreshes is how many refreshes run at once, process-wide; other results are resolved when
	// clients ask for them.
	MaxRefreshes = 256
	// refreshBytes and tryBytes are what a refresh, and a try beyond the first of its question,
	// take of the process's memory, in bytes, as measured: goroutines and buffers for replies.
	refreshBytes = 24 << 10
	tryBytes     = 8 << 10
	// maxIdleGoroutines is how many goroutines wait for the next fetch or try, at some 16 KiB of
	// stack each.
	maxIdleGoroutines = 16
	// MaxWaiters is how many clients wait for one resolution.
	MaxWaiters = 1000

	// The time to wait for one reply: unknown servers get initialRTO; smoothed RTTs are kept
	// between the bounds.
	initialRTO = 376 * time.Millisecond
	minRTO     = 50 * time.Millisecond
	maxRTO     = 1500 * time.Millisecond
	// maxDeviation is how much longer than its smoothed RTT a server is waited for, at most, unless
	// the RTT is longer than that.
	maxDeviation = 100 * time.Millisecond
	// maxBackoff is how often the time of a server that is silent is doubled.
	maxBackoff = 5
	// lastTryAfter is how long after the first try of a server the last one is sent, at the
	// earliest.
	lastTryAfter = time.Second
	// lastPatience is how long replies are waited for after the last question.
	lastPatience = 1500 * time.Millisecond
	// localPause is the pause of a question after this machine had no descriptor, port or memory
	// for it; it is doubled four times.
	localPause = 20 * time.Millisecond

	// queryBlock is what encrypted questions are padded to a multiple of, in octets (RFC 8467,
	// section 4.1).
	queryBlock = 128
	// maxProbes is how many servers are probed for encryption at once, process-wide; others are
	// probed later.
	maxProbes = 64
	// RFC 9539, section 4.3: how long encryption that worked is relied on, how long encryption that
	// failed is not tried again, and how long a probe may take.
	encryptedPersistence = 3 * 24 * time.Hour
	encryptedDamping     = 24 * time.Hour
	probeTimeout         = 4 * time.Second
)

// maxLookupsAtOnce is how many names are looked up before servers are tried again, per delegation.
const maxLookupsAtOnce = 2

// hintsTTL is how long the hints are used if priming fails, so that not every query tries to prime.
const hintsTTL = time.Minute

// The health of servers that the operator names, see [health].
const (
	// healthFailures is how many questions in a row have to fail, the last one healthSilence or
	// more after the first, before a probe decides whether the server is down: a resolver may take
	// seconds for what it has to ask others. healthReplies is how many replies in a row show that
	// it is back.
	healthFailures = 3
	healthSilence  = 2 * time.Second
	healthReplies  = 2
	// probePatience is how long a reply to a probe is waited for.
	probePatience = 1500 * time.Millisecond
	// probeFirst is the pause before the next probe; it is doubled up to probeMost. probeCheck is
	// how often it is looked whether one is due sooner.
	probeFirst = time.Second
	probeMost  = 15 * time.Second
	probeCheck = time.Second
	// MaxWeight is the largest weight of a server.
	MaxWeight = 1000
)

// maxZoneFaults bounds what one address can make us remember.
const maxZoneFaults = 64

// maxTargetCuts is how many names on the way to an alias's target are looked at for a cut, each at
// the price of a hash.
const maxTargetCuts = 4

// refetchPause is the pause between two early fetches of a zone's DS and keys, and between two of
// its delegation; maxRefetches is for how many zones the last one is remembered, process-wide.
const (
	refetchPause = 30 * time.Second
	maxRefetches = 4096
)

// Clients' networks in questions (RFC 7871).
const (
	// MaxSubnetFetches is how many fetches of one question, each for another network, are under way
	// at once: a forged reply fits with as many times the chance (RFC 7871, section 11.2;
	// CVE-2025-5994). A further one is put without a network.
	MaxSubnetFetches = 8
	// MaxVariants is how many answers to one question are kept, each for another network. Unbound
	// keeps 100 for each family.
	MaxVariants = 128
	// maxSubnetZones is of how many zones it is known whether their answers depend on the network,
	// maxSubnetServers of how many servers that they return it, process-wide.
	maxSubnetZones   = 4096
	maxSubnetServers = 4096
	// enoughAlike is how many answers of a zone that are for all networks have it asked without
	// networks, for subnetPause. An answer for some of them alone is remembered for subnetMemory,
	// and so is a server that returns the network.
	enoughAlike  = 3
	subnetPause  = time.Hour
	subnetMemory = 24 * time.Hour
)

// readyInterval is how often readiness is checked. While the network may be down, a server is asked
// as often.
const readyInterval = time.Second

// Whether the network answers in place of the root's servers, see [judgeNetwork].
const (
	// networkAsked is how many root servers are asked, networkWitnesses how many of them have to
	// have replied without signatures, and networkPatience how long they are waited for.
	networkAsked     = 5
	networkWitnesses = 3
	networkPatience  = 1500 * time.Millisecond
	// networkPause is the pause before the root is asked again because answers came without
	// signatures: some zones are always broken in that way.
	networkPause = 10 * time.Second
)

// When questions are sent twice at once, see [lossWatch].
const (
	// lossServers is how many servers' last outcomes are known, lossWitnesses how many are needed,
	// and lossPercent of them have to be a loss.
	lossServers   = 256
	lossWitnesses = 32
	lossPercent   = 40
	// lossyTime is how long questions are sent twice before the loss has to be seen again.
	lossyTime = 10 * time.Second
	// lossyWait is the longest pause before a further try of such a question.
	lossyWait = 100 * time.Millisecond
	// twiceAfter is the pause between the two: time enough for the first to leave.
	twiceAfter = time.Millisecond
	// maxTwice is how many questions are sent twice in a second, process-wide.
	maxTwice = 500
)
