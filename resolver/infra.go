// The infrastructure cache: round-trip times, failures and abilities of servers. It learns from a
// closed list of events ([infraCache.learn]), so that selection can be tested with lists of events;
// cookies and encrypted transports have methods of their own.

package resolver

import (
	"hash/maphash"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"bailiwick/internal/limit"
	"bailiwick/internal/memcache"
	"bailiwick/transport"
	"bailiwick/wire"
)

// conduct is an event of a server, as the infrastructure cache learns it.
type conduct uint8

const (
	eventReply       conduct = iota // a reply over UDP, with its round trip
	eventAlive                      // a reply over another transport, whose round trip says little
	eventTimeout                    // no reply, with the time since the question
	eventDead                       // the address cannot be reached
	eventLame                       // it does not serve the zone
	eventBad                        // refused, failed, malformed
	eventBogus                      // its data do not verify, or those that somebody forged
	eventBogusNoTCP                 // the same, and it brought no reply over TCP
	eventBogusProven                // its data do not verify
	eventForget                     // failures may have been the network's fault

	// Abilities. What one forged packet could claim is not believed at once; a proven event came
	// over TCP, or with our cookie.
	eventEDNS           // it takes EDNS
	eventNoEDNS         // FORMERR with EDNS, and a reply without
	eventNoEDNSProven   // the same, proven
	eventCaseKept       // random letter case makes no difference to it
	eventCaseLost       // no usable reply in random letter case, but one in lower case
	eventCaseLostProven // the reply's question is not in the letter case that was sent
	eventNoCookie       // FORMERR with a cookie, and a reply without
	eventNoCookieProven // it returns no cookie, or another
	eventPlainOnly      // silence, but a reply to the question in lower case without cookie
)

// How long things are held against a server.
const (
	lameTime     = 5 * time.Minute  // for a zone
	badTime      = 30 * time.Second // for a zone: refusals and failures pass
	noEDNSTime   = 5 * time.Minute  // short: the FORMERR may have been forged (CVE-2026-52690)
	caseTime     = time.Hour
	noCookieTime = time.Hour
	backoffFirst = 2 * time.Second
	backoffMax   = 2 * time.Minute
	overdueTime  = time.Minute // after this it is tried again as if it had replied
	deadTimeouts = 3           // timeouts in a row that make a server dead
	// deadSilence is how long a dead server has not replied, since the first of these questions was
	// sent. A server that replies now and then limits its rate or loses packets, and one that is
	// far away replies late: they are not dead.
	deadSilence = 5 * time.Second
)

// How many observations in a row make us believe that a server cannot do something. Silence is the
// weakest of them, as packets get lost.
const (
	enoughWitnesses = 2
	enoughSilence   = 3
)

// inability is something that a server may be unable to do.
type inability struct {
	witnesses uint8
	until     time.Time // it counts as unable until then
}

// testify counts an observation. One is enough if it is proven; otherwise it takes enoughWitnesses.
func (i *inability) testify(proven bool, now time.Time, hold time.Duration) {
	if i.witnesses++; proven || i.witnesses >= enoughWitnesses {
		*i = inability{until: now.Add(hold)}
	}
}

// serverInfo holds what is known of an address.
type serverInfo struct {
	mu       sync.Mutex
	srtt     time.Duration // 0: not known
	rttvar   time.Duration
	backoff  uint8     // how often its timeout was doubled since it replied (RFC 6298, 5.5)
	doubled  time.Time // when backoff last grew
	timeouts int       // in a row
	silent   time.Time // when the first of the timeouts was sent
	until    time.Time // backed off until then
	replied  time.Time // when it last replied

	edns      bool // it has answered with EDNS
	caseKept  bool // random letter case makes no difference to it
	noEDNS    inability
	caseLost  inability
	noCookie  inability
	plainOnly uint8 // see eventPlainOnly: how often in a row
	cookie    serverCookie

	zones []zoneFault
	// encrypted is what is known of its encrypted transports (RFC 9539).
	encrypted []encryption
	held      int // bytes of all this
}

// size returns the bytes of an entry besides its key. mu is held.
func (v *serverInfo) size() int {
	n := int(unsafe.Sizeof(*v)) + cap(v.cookie.server) +
		cap(v.zones)*int(unsafe.Sizeof(zoneFault{})) +
		cap(v.encrypted)*int(unsafe.Sizeof(encryption{}))
	for i := range v.zones {
		n += len(v.zones[i].zone.Wire())
	}
	return n
}

// zoneFault is something held against a server for one zone.
type zoneFault struct {
	zone   wire.Name
	until  time.Time
	weight int // see profile.fault
}

// infraCache holds what is known of all servers.
type infraCache struct {
	cache  *memcache.Cache[netip.Addr, *serverInfo]
	seed   maphash.Seed
	uplink uplink
	pace   pace
	loss   *lossWatch
	// cookies are ours, towards servers.
	cookies *clientCookies
	// beside counts the open tries beyond the first of each question; mostBeside is its limit.
	beside     atomic.Int32
	mostBeside int32
}

// pace is how long unknown servers are waited for. It grows when servers of several unrelated zones
// are late, as the reason is then the path that all share. The first prompt reply ends that.
type pace struct {
	level atomic.Int32 // how often the time is doubled
	mu    sync.Mutex
	late  []wire.Name // zones whose servers were late; guarded by mu
}

// lateZones is how many unrelated zones are late when the time is doubled.
const lateZones = 3

// patience returns how long an unknown server is waited for.
func (p *pace) patience() time.Duration { return min(initialRTO<<p.level.Load(), maxRTO) }

// prompt notes a reply that came within initialRTO.
func (p *pace) prompt() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.late = nil
	p.level.Store(0)
}

// lateFor notes that a server of a zone did not reply in time.
func (p *pace) lateFor(zone wire.Name) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.late) >= 2*lateZones || slices.ContainsFunc(p.late, func(z wire.Name) bool {
		return z == zone || !z.IsRoot() && zone.Within(z) || !zone.IsRoot() && z.Within(zone)
	}) {
		return
	}
	p.late = append(p.late, zone)
	p.level.Store(int32(len(p.late) / lateZones))
}

// uplink distinguishes "our link is down" from "this server is down". If many servers in a row are
// silent, it is the link, and nothing is held against any server until one replies.
type uplink struct {
	mu     sync.Mutex
	silent int                 // exchanges without a reply since the last reply; guarded by mu
	who    map[netip.Addr]bool // their servers; guarded by mu
}

// The link counts as down after this many exchanges in a row, with this many different servers,
// brought no reply.
const (
	downExchanges = 16
	downServers   = 6
)

// note counts an exchange, and reports whether the link seems to be down.
func (u *uplink) note(a netip.Addr, replied bool) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if replied {
		u.silent, u.who = 0, nil
		return false
	}
	u.silent++
	if u.who == nil {
		u.who = map[netip.Addr]bool{}
	}
	if len(u.who) < downServers {
		u.who[a] = true
	}
	return u.silent >= downExchanges && len(u.who) >= downServers
}

// isDown reports whether the link seems to be down.
func (u *uplink) isDown() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.silent >= downExchanges && len(u.who) >= downServers
}

func newInfraCache(bytes int) *infraCache {
	s := &infraCache{seed: maphash.MakeSeed(), loss: newLossWatch(), mostBeside: MaxOpenTries,
		cookies: newClientCookies()}
	s.cache = memcache.New(bytes, func(a netip.Addr) uint64 {
		return maphash.Comparable(s.seed,
			a)
	},
		func(_ netip.Addr, v *serverInfo) int { return v.held })
	return s
}

func (s *infraCache) get(a netip.Addr) *serverInfo {
	if v, ok := s.cache.Get(a); ok {
		return v
	}
	v := &serverInfo{held: int(unsafe.Sizeof(serverInfo{}))}
	s.cache.Put(a, v)
	return v
}

// account tells the cache the new size of a server's entry if it has grown. mu of the server is
// held.
func (s *infraCache) account(a netip.Addr, v *serverInfo) {
	if n := v.size(); n > v.held {
		v.held = n
		s.cache.Put(a, v)
	}
}

// learn takes an event. took is the round trip of a reply, or the time without one; zone is the one
// that was asked.
func (s *infraCache) learn(a netip.Addr, zone wire.Name, e conduct, took time.Duration,
	now time.Time) {
	switch e {
	case eventReply, eventAlive, eventTimeout, eventDead:
		replied := e == eventReply || e == eventAlive
		if e == eventReply && took <= initialRTO && s.pace.level.Load() > 0 {
			s.pace.prompt()
		} else if e == eventTimeout && took >= initialRTO {
			s.pace.lateFor(zone)
		}
		if s.uplink.note(a, replied) {
			e = eventForget
		}
	}
	v := s.get(a)
	v.mu.Lock()
	defer v.mu.Unlock()
	switch e {
	case eventReply:
		v.alive(now)
		v.timeouts, v.backoff = 0, 0
		v.smooth(took)
	case eventAlive:
		v.alive(now)
	case eventTimeout, eventDead:
		v.timedOut(e, took, now)
	case eventLame:
		v.fault(zoneFault{zone, now.Add(lameTime), faultGrave}, now)
	case eventBad:
		v.fault(zoneFault{zone, now.Add(badTime), faultPassing}, now)
	case eventBogus, eventBogusNoTCP, eventBogusProven:
		f := zoneFault{zone, now.Add(badTime), faultPassing}
		switch e {
		case eventBogusNoTCP:
			f.weight = faultGrave
		case eventBogusProven:
			f.weight, f.until = faultProven, now.Add(lameTime)
		}
		if e == eventBogusProven || v.faultOf(zone, now) < faultGrave {
			v.fault(f, now)
		}
		// It may be bogus because we asked for less than the server can do. Letters make no proven
		// data good, and who signs them would make all names of the zone bogus.
		v.noEDNS, v.noCookie, v.plainOnly = inability{}, inability{}, 0
		if e != eventBogusProven {
			v.caseLost = inability{}
		}
	case eventForget:
		v.timeouts, v.until = 0, time.Time{}
	default:
		v.learnAbility(e, now)
	}
	s.account(a, v)
}

// alive notes a reply.
func (v *serverInfo) alive(now time.Time) {
	v.until, v.silent, v.replied = time.Time{}, time.Time{}, now
}

// timedOut notes that a server did not reply in time. Questions that are open at the same time
// count once: only one that was sent after the timeout was last doubled doubles it again.
func (v *serverInfo) timedOut(e conduct, took time.Duration, now time.Time) {
	sent := now.Add(-took)
	if v.timeouts == 0 || v.silent.IsZero() {
		v.silent = sent
	}
	v.timeouts++
	if !sent.Before(v.doubled) && v.backoff < maxBackoff {
		v.backoff++
		v.doubled = now
	}
	lately := now.Sub(v.replied) < deadSilence
	if e == eventDead && !lately {
		v.timeouts = max(v.timeouts, deadTimeouts)
	} else if now.Sub(v.silent) < deadSilence || lately {
		return
	}
	if v.timeouts >= deadTimeouts {
		v.until = now.Add(min(backoffFirst<<min(v.timeouts-deadTimeouts, 10), backoffMax))
	}
}

// learnAbility takes an event about an ability of the server.
func (v *serverInfo) learnAbility(e conduct, now time.Time) {
	switch e {
	case eventEDNS:
		v.edns, v.noEDNS = true, inability{}
	case eventNoEDNS, eventNoEDNSProven:
		if v.noEDNS.testify(e == eventNoEDNSProven, now, noEDNSTime); !v.noEDNS.until.IsZero() {
			v.edns = false
		}
	case eventCaseKept:
		v.caseKept, v.caseLost, v.plainOnly = true, inability{}, 0
	case eventCaseLost, eventCaseLostProven:
		v.caseLost.testify(e == eventCaseLostProven, now, caseTime)
	case eventNoCookie, eventNoCookieProven:
		v.noCookie.testify(e == eventNoCookieProven, now, noCookieTime)
		if !v.noCookie.until.IsZero() {
			v.cookie = serverCookie{}
		}
	case eventPlainOnly:
		if v.plainOnly++; v.plainOnly >= enoughSilence {
			v.plainOnly = 0
			v.noCookie = inability{until: now.Add(noCookieTime)}
			v.caseLost = inability{until: now.Add(caseTime)}
		}
	}
}

// forgive ends all back-offs: what was held against servers may have been our own link's fault.
func (s *infraCache) forgive() {
	for _, v := range s.cache.All() {
		v.forgive()
	}
}

// forgive ends the back-off of a server.
func (v *serverInfo) forgive() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.timeouts, v.until = 0, time.Time{}
}

// smooth updates the estimates of RFC 6298, section 2.
func (v *serverInfo) smooth(rtt time.Duration) {
	if v.srtt == 0 {
		v.srtt, v.rttvar = rtt, rtt/2
		return
	}
	d := v.srtt - rtt
	if d < 0 {
		d = -d
	}
	v.rttvar = (3*v.rttvar + d) / 4
	v.srtt = (7*v.srtt + rtt) / 8
}

// fault notes something that is held against the server for a zone. Notes that have ended are
// dropped, and beyond maxZoneFaults the first one.
func (v *serverInfo) fault(f zoneFault, now time.Time) {
	v.zones = slices.DeleteFunc(v.zones, func(o zoneFault) bool {
		return o.zone == f.zone || !now.Before(o.until)
	})
	if len(v.zones) >= maxZoneFaults {
		limit.ZoneFaults.Met()
		v.zones = slices.Delete(v.zones, 0, 1)
	}
	v.zones = append(v.zones, f)
}

// What profile.fault may be, other than 0.
const (
	faultPassing = 1 + iota // the next reply may be better
	faultGrave              // lame, or bogus and without TCP
	faultProven             // bogus, over TCP or with our cookie
)

// profile is what an exchange needs to know of a server.
type profile struct {
	rto      time.Duration // how long a reply is waited for
	base     time.Duration // the same without back-off
	srtt     time.Duration
	overdue  bool // it did not reply in time, and has not since
	dead     bool // backed off
	lately   bool // it has replied within deadSilence
	fault    int  // for the zone: 0 none, or one of the constants above
	edns     bool // it has answered with EDNS
	noEDNS   bool
	caseKept bool // random letter case makes no difference to it
	caseLost bool
	noCookie bool
	shy      bool // it was silent to questions with a cookie
	kept     serverCookie
	// client is our cookie for it, and cookie its own, nil if there is none for ours; both are set
	// by [zoneQuery.profileOf] alone, for selection has no need of them.
	client [8]byte
	cookie []byte
	// encrypted are the transports that are known to work.
	encrypted []transport.Protocol
}

func (s *infraCache) profile(a netip.Addr, zone wire.Name, now time.Time) profile {
	v := s.get(a)
	v.mu.Lock()
	defer v.mu.Unlock()
	p := profile{rto: s.pace.patience(), srtt: v.srtt,
		overdue: v.timeouts > 0 && now.Sub(v.doubled) < overdueTime,
		dead:    now.Before(v.until), lately: now.Sub(v.replied) < deadSilence,
		edns: v.edns, noEDNS: now.Before(v.noEDNS.until),
		caseKept: v.caseKept, caseLost: now.Before(v.caseLost.until),
		noCookie: now.Before(v.noCookie.until), shy: v.plainOnly >= enoughWitnesses,
		kept: v.cookie}
	if v.srtt > 0 {
		// RFC 6298, section 2.3, but not much more than twice the round trip: a question that is
		// sent again too early costs a packet, for the reply to the first still counts.
		p.rto = max(v.srtt+min(4*v.rttvar, max(v.srtt, maxDeviation)), minRTO)
	}
	p.base = min(p.rto, maxRTO)
	if !p.lately { // a server that replied lately loses packets
		p.rto <<= v.backoff
	}
	p.rto = min(p.rto, maxRTO)
	for _, e := range v.encrypted {
		if e.works && now.Before(e.until) {
			p.encrypted = append(p.encrypted, e.via)
		}
	}
	p.fault = v.faultOf(zone, now)
	return p
}

// faultOf returns what is held against the server for a zone, as profile.fault has it. mu is held.
func (v *serverInfo) faultOf(zone wire.Name, now time.Time) int {
	for i := range v.zones {
		if f := &v.zones[i]; f.zone == zone && now.Before(f.until) {
			return f.weight
		}
	}
	return 0
}
