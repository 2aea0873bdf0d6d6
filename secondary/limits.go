// Limits: amounts that primaries, web servers and senders of NOTIFY can influence.

package secondary

import "time"

const (
	// MaxZones is how many zones may have a copy. An operator who needs more runs an authoritative
	// server, and names it in a stub zone.
	MaxZones = 64
	// defaultOctets is what all copies together may take, in bytes.
	defaultOctets = 256 << 20
	// maxTransfers is how many zones are transferred at once; others wait.
	maxTransfers = 4
	// maxAddresses is how many addresses of a primary that has a name are asked.
	maxAddresses = 4
	// maxKnown is how many addresses of such primaries are remembered for a zone.
	maxKnown = 256
	// connectTime is how long a connection to a source may take, with its TLS handshake.
	connectTime = 10 * time.Second
	// idleTime is how long a source may take for a reply, and within one for minProgress octets, or
	// for what is left of it; maxTransferTime is how long a check may take with all sources. A
	// source that sends an octet now and then must not hold the zone's other sources up until it
	// expires, nor other zones, of which maxTransfers are transferred at once.
	idleTime        = 30 * time.Second
	minProgress     = 64 << 10
	maxTransferTime = 30 * time.Minute
	// maxUnsigned is how many messages in a row may come without TSIG (RFC 8945, section 5.3.1).
	maxUnsigned = 99
	// maxText is how many octets a zone file may have for each octet that the zone may take.
	maxText = 4
	// minRefresh and minRetry bound the timers of a SOA record from below, and maxWait from above:
	// a month without a look at the source is never meant.
	minRefresh = 30 * time.Second
	minRetry   = 30 * time.Second
	maxWait    = 24 * time.Hour
	// firstRetry is the pause after the first failure to get a zone that there is no copy of; it
	// is doubled up to lastRetry.
	firstRetry = 5 * time.Second
	lastRetry  = 10 * time.Minute
	// loadedPause is how long after the start a zone that is on the disk is checked at the latest.
	loadedPause = 10 * time.Second
	// notifyPause is the time between two checks of a zone that NOTIFY causes: its sender's address
	// can be forged.
	notifyPause = 5 * time.Second
	// startTime is how long a start waits for zones that are in files.
	startTime = 2 * time.Second
	// policyStartTime is the same for policy zones: millions of rules are read in it, and service
	// managers wait for longer.
	policyStartTime = time.Minute
	// saveEvery is how often the copies are saved at most.
	saveEvery = 10 * time.Minute
)

// tick is how often the schedules are looked at.
const tick = time.Second
