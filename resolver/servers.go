// What is learnt of servers, and the choice among them. Everything comes through one door, [servers.learn], as one of a closed
// list of events, so that the choice can be tested with a list of events.

package resolver

import (
	"hash/maphash"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"time"

	"bailiwick/cache"
	"bailiwick/transport"
	"bailiwick/wire"
)

// event is something that a server did.
type event uint8

const (
	eventReply    event = iota // a reply, with its round trip
	eventTimeout               // silence
	eventDead                  // the address cannot be reached
	eventNoEDNS                // it does not take EDNS
	eventEDNS                  // it does
	eventCaseLost              // it does not keep the letter case
	eventLame                  // it does not serve the zone
	eventBad                   // refused, failed, malformed
	eventBogus                 // its data do not verify
	eventForget                // the network is back: whatever was held against servers may be its fault
)

// How long things are held against a server.
const (
	lameTime     = 5 * time.Minute  // for a zone
	badTime      = 30 * time.Second // for a zone: refusals and failures pass
	noEDNSTime   = 5 * time.Minute  // short: the FORMERR may have been forged (CVE-2026-52690)
	caseTime     = time.Hour
	backoffFirst = 2 * time.Second
	backoffMax   = 2 * time.Minute
	deadTimeouts = 3               // timeouts in a row that make a server dead
	deadSilence  = 5 * time.Second // without any reply, for that; one that replies now and then limits its rate, or loses packets
)

// server is what is known of an address.
type server struct {
	mu       sync.Mutex
	srtt     time.Duration // 0: not known
	rttvar   time.Duration
	timeouts int       // in a row
	until    time.Time // backed off until then
	noEDNS   time.Time // until then
	caseLost time.Time // until then
	cookie   []byte    // its server cookie
	replied  time.Time // when it last did
	zones    map[wire.Name]zoneFault
	// encrypted is what is known of its encrypted transports (RFC 9539).
	encrypted map[transport.Protocol]encryption
}

// zoneFault is something held against a server for one zone.
type zoneFault struct {
	until time.Time
	grave bool // lame or bogus, rather than a passing failure
}

// maxZoneFaults bounds what one address can make us remember.
const maxZoneFaults = 64

// servers is what is known of all.
type servers struct {
	cache  *cache.Cache[netip.Addr, *server]
	seed   maphash.Seed
	uplink uplink
}

// uplink tells "our link is down" from "this server is down": when many servers are silent in a row and none replies, it is the link, and nothing is
// held against anybody until somebody replies.
type uplink struct {
	mu     sync.Mutex
	silent int                 // exchanges without a reply since the last reply; guarded by mu
	who    map[netip.Addr]bool // their servers; guarded by mu
}

// The link counts as down after so many exchanges with so many different servers brought nothing.
const (
	downExchanges = 16
	downServers   = 6
)

// note takes an exchange and says whether the link seems to be down.
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

// isDown says whether the link seems to be down.
func (u *uplink) isDown() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.silent >= downExchanges && len(u.who) >= downServers
}

func newServers(bytes int) *servers {
	s := &servers{seed: maphash.MakeSeed()}
	s.cache = cache.NewCache(bytes, func(a netip.Addr) uint64 { return maphash.Comparable(s.seed, a) },
		func(netip.Addr, *server) int { return 400 })
	return s
}

func (s *servers) get(a netip.Addr) *server {
	if v, ok := s.cache.Get(a); ok {
		return v
	}
	v := &server{}
	s.cache.Put(a, v)
	return v
}

// learn takes an event. rtt is that of a reply; zone is the one that was asked for.
func (s *servers) learn(a netip.Addr, zone wire.Name, e event, rtt time.Duration, now time.Time) {
	if e == eventReply || e == eventTimeout || e == eventDead {
		if s.uplink.note(a, e == eventReply) {
			e = eventForget
		}
	}
	v := s.get(a)
	v.mu.Lock()
	defer v.mu.Unlock()
	switch e {
	case eventReply:
		v.timeouts, v.until, v.replied = 0, time.Time{}, now
		v.smooth(rtt)
	case eventTimeout, eventDead:
		v.timeouts++
		if e == eventDead {
			v.timeouts = max(v.timeouts, deadTimeouts)
		}
		if v.srtt > 0 {
			v.srtt = min(2*v.srtt, maxRTO)
		}
		if v.timeouts >= deadTimeouts && (e == eventDead || now.Sub(v.replied) > deadSilence) {
			v.until = now.Add(min(backoffFirst<<min(v.timeouts-deadTimeouts, 10), backoffMax))
		}
	case eventNoEDNS:
		v.noEDNS = now.Add(noEDNSTime)
	case eventEDNS:
		v.noEDNS = time.Time{}
	case eventCaseLost:
		v.caseLost = now.Add(caseTime)
	case eventLame, eventBogus:
		v.fault(zone, zoneFault{now.Add(lameTime), true})
	case eventBad:
		v.fault(zone, zoneFault{now.Add(badTime), false})
	case eventForget:
		v.timeouts, v.until = 0, time.Time{}
	}
}

// forgive ends all back-offs: what was held against servers may have been our own link's fault.
func (s *servers) forgive() {
	s.cache.RemoveFunc(func(_ netip.Addr, v *server) bool {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.timeouts, v.until = 0, time.Time{}
		return false
	})
}

// smooth is the estimator of RFC 6298, section 2.
func (v *server) smooth(rtt time.Duration) {
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

func (v *server) fault(zone wire.Name, f zoneFault) {
	if v.zones == nil || len(v.zones) >= maxZoneFaults {
		v.zones = map[wire.Name]zoneFault{}
	}
	v.zones[zone] = f
}

// profile is what an exchange needs to know of a server.
type profile struct {
	rto      time.Duration
	srtt     time.Duration
	dead     bool // backed off
	fault    int  // 0 none, 1 passing, 2 grave, for the zone
	noEDNS   bool
	caseLost bool
	cookie   []byte
	// encrypted are the transports that are known to work.
	encrypted map[transport.Protocol]bool
}

func (s *servers) profile(a netip.Addr, zone wire.Name, now time.Time) profile {
	v := s.get(a)
	v.mu.Lock()
	defer v.mu.Unlock()
	p := profile{rto: initialRTO, srtt: v.srtt, dead: now.Before(v.until), noEDNS: now.Before(v.noEDNS), caseLost: now.Before(v.caseLost), cookie: v.cookie}
	if v.srtt > 0 {
		p.rto = min(max(v.srtt+4*v.rttvar, minRTO), maxRTO)
	}
	for t, e := range v.encrypted {
		if e.works && now.Before(e.until) {
			if p.encrypted == nil {
				p.encrypted = map[transport.Protocol]bool{}
			}
			p.encrypted[t] = true
		}
	}
	if f, ok := v.zones[zone]; ok && now.Before(f.until) {
		p.fault = 1
		if f.grave {
			p.fault = 2
		}
	}
	return p
}

func (s *servers) setCookie(a netip.Addr, cookie []byte) {
	v := s.get(a)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.cookie = cookie
}

// candidate is an address of a delegation, with what this question has already seen of it.
type candidate struct {
	addr  netip.AddrPort
	name  wire.Name // of the name server; zero if configured by address
	tries int
	spent bool // will not be asked again for this question
	// fellBack says that its encrypted transport failed for this question.
	fellBack bool
}

// exploreOdds is how often, one in so many, a server is asked that is not the best known: the others' RTTs have to stay fresh.
const exploreOdds = 20

// choose picks the next server: those tried least come first, then those with nothing held against them, then the fastest; a
// server not known yet counts as fast, so that it is probed. Sometimes another of the same standing is taken.
func choose(list []*candidate, profiles func(netip.AddrPort) profile, odds func(int) int) *candidate {
	type ranked struct {
		*candidate
		standing int
		rtt      time.Duration
	}
	var live []ranked
	for _, c := range list {
		if c.spent || c.tries >= MaxTriesPerServer {
			continue
		}
		p := profiles(c.addr)
		if p.dead && c.tries > 0 {
			continue // one try finds out whether it is back; a flood of names in a dead zone must not wait for more
		}
		r := ranked{candidate: c, standing: 8*c.tries + p.fault*2, rtt: p.srtt}
		if p.dead {
			r.standing += 3
		}
		if r.rtt == 0 {
			r.rtt = time.Duration(odds(int(10 * time.Millisecond)))
		}
		live = append(live, r)
	}
	if len(live) == 0 {
		return nil
	}
	slices.SortStableFunc(live, func(a, b ranked) int {
		if a.standing != b.standing {
			return a.standing - b.standing
		}
		return int(a.rtt - b.rtt)
	})
	equal := 1
	for equal < len(live) && live[equal].standing == live[0].standing {
		equal++
	}
	if equal > 1 && odds(exploreOdds) == 0 {
		return live[1+odds(equal-1)].candidate
	}
	return live[0].candidate
}

// random is the odds of production.
func random(n int) int { return rand.IntN(n) }
