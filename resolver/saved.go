// What a resolver knows as a file, so that a restart does not forget it.

package resolver

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"runtime"
	"slices"
	"time"

	"bailiwick/cache"
	"bailiwick/internal/clock"
	"bailiwick/transport"
	"bailiwick/wire"
)

// The sections of a file, besides those of the caches. The first record is the moment at which the
// file was written. The judgements and the realms come next, and then the data that were accepted
// by them.
const (
	sectionMoment cache.Section = cache.OtherSections + iota
	sectionJudgement
	sectionTrust
	sectionServers
	sectionCookies // the secret of our cookies
	sectionRealm   // the number of a realm, and what tells it from others
)

// ErrOtherTime is the error of a file from a time that cannot be told.
var ErrOtherTime = errors.New("the clock was set back since it was saved: how old the data are " +
	"is not known")

// judgements returns what decides whether data are accepted and how they are validated, as digests
// by name: that of the root covers everything that is decided for all names.
func (r *Resolver) judgements() map[wire.Name][sha256.Size]byte {
	texts := judgementsOf(r.cfg.Zones, r.anchors)
	judge := r.cfg.Validation
	judge.SignatureCache, judge.StandardP256 = 0, false
	texts[wire.Root] += fmt.Sprintf("%+v %v %+v %v %+v", judge, r.cfg.HardenGlue, r.cfg.Hints,
		r.cfg.ValidationTime, r.memory.limits())
	digests := map[wire.Name][sha256.Size]byte{}
	for n, t := range texts {
		digests[n] = sha256.Sum256([]byte(t))
	}
	return digests
}

// Save writes what is known of names, zones and servers. It takes little memory, and clients are
// answered meanwhile.
func (r *Resolver) Save(w io.Writer) error {
	moment, err := json.Marshal(clock.StampOf(r.clock))
	if err != nil {
		return err
	}
	put := func(rec cache.Record) error { return rec.Write(w) }
	if err := put(cache.Record{Section: sectionMoment, Value: moment}); err != nil {
		return err
	}
	for n, digest := range r.judgements() {
		if err := put(cache.Record{Section: sectionJudgement, Key: []byte(n.Wire()),
			Value: digest[:]}); err != nil {
			return err
		}
	}
	for _, own := range r.realms {
		if err := put(cache.Record{Section: sectionRealm,
			Key:   binary.BigEndian.AppendUint16(nil, own.state.number),
			Value: own.state.identity[:]}); err != nil {
			return err
		}
	}
	if err := r.memory.save(put); err != nil {
		return err
	}
	if err := r.infra.cookies.save(put); err != nil {
		return err
	}
	return r.infra.save(put)
}

// Restored counts the records of a file.
type Restored struct {
	Used int
	// Outdated are those at names whose anchors, exceptions or servers are others now.
	Outdated int
	Ended    int           // and malformed ones
	Age      time.Duration // of the file
}

// Restore reads what [Resolver.Save] has written, perhaps by another process. Whatever was learnt
// since the start stays. Data at and below names where other judgements hold now are left out, and
// so fetched and validated again when they are needed; signatures that have ended are not used
// anyway. An entry ends when it would have ended, or before.
func (r *Resolver) Restore(ctx context.Context, from io.Reader) (n Restored, err error) {
	in := bufio.NewReaderSize(from, 1<<16)
	var rec cache.Record
	if err := rec.Read(in); err != nil || rec.Section != sectionMoment {
		return n, errors.New("it does not begin with its time")
	}
	var then clock.Stamp
	if err := json.Unmarshal(rec.Value, &then); err != nil {
		return n, err
	}
	here := clock.StampOf(r.clock)
	passed, ok := here.Since(then)
	if !ok {
		return n, ErrOtherTime
	}
	n.Age = passed
	// In the ages of this process, the entries were stored when the file was saved.
	by := int64((here.Age.Sub(then.Age) - passed).Round(time.Second) / time.Second)
	outdated, realms := r.judgements(), realmMap{}
	var differing []wire.Name
	judged := false
	for count := 0; ; count++ {
		err := rec.Read(in)
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		if rec.Section == sectionJudgement && !judged {
			name, ok := cache.ParseName(rec.Key)
			if !ok {
				return n, errors.New("malformed name")
			}
			if now, has := outdated[name]; !has || !bytes.Equal(now[:], rec.Value) {
				differing = append(differing, name)
			}
			delete(outdated, name)
			continue
		}
		if !judged {
			judged = true
			for name := range outdated { // nothing was decided there then
				differing = append(differing, name)
			}
		}
		if rec.Section == sectionRealm {
			realms.read(rec, r.realms)
			continue
		}
		data, known := realms.translate(rec)
		switch {
		case !known, savedWithin(rec, differing):
			n.Outdated++
		case r.restore(data, by):
			n.Used++
		default:
			n.Ended++
		}
		if count%256 == 255 {
			if ctx.Err() != nil {
				return n, ctx.Err()
			}
			runtime.Gosched()
		}
	}
}

// realmMap has the numbers that realms of a file have now.
type realmMap map[uint16]uint16

// read takes the record of a realm, if one of these is the same: one alone, as realms that differ
// in the certificates of their servers have the same digest.
func (m realmMap) read(rec cache.Record, now []*Resolver) {
	var number uint16
	for _, own := range now {
		switch {
		case len(rec.Key) != 2 || !bytes.Equal(rec.Value, own.state.identity[:]):
		case number != 0 && number != own.state.number:
			return
		default:
			number = own.state.number
		}
	}
	if number != 0 {
		m[binary.BigEndian.Uint16(rec.Key)] = number
	}
}

// translate returns a record as it is kept now; false if it is of a realm that there is no more.
func (m realmMap) translate(rec cache.Record) (_ cache.Record, known bool) {
	if rec.Section == sectionServers || rec.Section == sectionCookies {
		return rec, true
	}
	k, ok := rec.KeyOf()
	if !ok || k.Realm == 0 {
		return rec, true
	}
	number, known := m[k.Realm]
	return rec.InRealm(number), known
}

// savedWithin reports whether a record is of a name at or below one of those. Servers and cookies
// are of no name.
func savedWithin(rec cache.Record, names []wire.Name) bool {
	if len(names) == 0 || rec.Section == sectionServers || rec.Section == sectionCookies {
		return false
	}
	k, ok := rec.KeyOf()
	if !ok {
		return true
	}
	return slices.ContainsFunc(names, k.Name.Within)
}

// restore stores a record, unless a successor has taken over that would not accept it.
func (r *Resolver) restore(rec cache.Record, by int64) bool {
	switch rec.Section {
	case sectionServers:
		return r.infra.restore(rec, by, r.clock.Now())
	case sectionCookies:
		return r.infra.cookies.restore(rec, by, r.clock.Now())
	}
	g := r.memory.gate
	g.mu.RLock()
	defer g.mu.RUnlock()
	return !savedWithin(rec, g.shut) && r.memory.restore(rec, by, r.clock.Now())
}

// save passes what is known of servers to f. What was held against them for a while is left out.
func (s *infraCache) save(f func(cache.Record) error) error {
	var value []byte
	for a, v := range s.cache.All() {
		value = v.appendSaved(value[:0])
		if err := f(cache.Record{Section: sectionServers, Key: a.AsSlice(),
			Value: value}); err != nil {
			return err
		}
	}
	return nil
}

// appendSaved appends what is worth knowing after a restart.
func (v *serverInfo) appendSaved(b []byte) []byte {
	v.mu.Lock()
	defer v.mu.Unlock()
	flags := byte(0)
	for i, set := range []bool{v.edns, v.caseKept} {
		if set {
			flags |= 1 << i
		}
	}
	b = binary.AppendUvarint(append(b, flags), uint64(v.srtt))
	b = binary.AppendUvarint(b, uint64(v.rttvar))
	for _, i := range []*inability{&v.noEDNS, &v.caseLost, &v.noCookie} {
		b = binary.AppendUvarint(b, uint64(max(i.until.Unix(), 0)))
	}
	b = append(append(b, byte(len(v.cookie.server))), v.cookie.server...)
	b = append(b, v.cookie.client[:]...)
	for _, e := range v.encrypted {
		works := byte(0)
		if e.works {
			works = 1
		}
		b = binary.AppendUvarint(append(b, byte(e.via), works), uint64(max(e.until.Unix(), 0)))
	}
	return b
}

// restore puts back what was known of a server, unless it is known by now.
func (s *infraCache) restore(rec cache.Record, by int64, now time.Time) bool {
	a, ok := netip.AddrFromSlice(rec.Key)
	if !ok {
		return false
	}
	u := cache.NewUnpacker(rec.Value)
	flags := u.Octet()
	v := &serverInfo{edns: flags&1 != 0, caseKept: flags&2 != 0, srtt: time.Duration(u.Int()),
		rttvar: time.Duration(u.Int())}
	moment := func(hold time.Duration) time.Time {
		// No longer than it would be held if it had just been seen.
		return time.Unix(min(u.Int()+by, now.Add(hold).Unix()), 0)
	}
	v.noEDNS.until, v.caseLost.until = moment(noEDNSTime), moment(caseTime)
	v.noCookie.until = moment(noCookieTime)
	if n := int(u.Octet()); n > 0 {
		v.cookie.server = make([]byte, n)
	}
	for _, part := range [][]byte{v.cookie.server, v.cookie.client[:]} {
		for i := range part {
			part[i] = u.Octet()
		}
	}
	for u.Left() > 0 && !u.Bad && len(v.encrypted) < len(transport.Protocols()) {
		v.encrypted = append(v.encrypted, encryption{transport.Protocol(u.Octet()),
			u.Octet() == 1, moment(encryptedPersistence)})
	}
	n := len(v.cookie.server)
	if u.Bad || n > maxServerCookie || n > 0 && n < minServerCookie || v.srtt < 0 ||
		v.srtt > maxRTO || v.rttvar < 0 || v.rttvar > maxRTO || !v.knownTransports() {
		return false
	}
	if _, known := s.cache.Get(a); known {
		return true
	}
	v.held = v.size()
	s.cache.Put(a, v)
	return true
}

// knownTransports reports whether what is known of encrypted transports is of such.
func (v *serverInfo) knownTransports() bool {
	for _, e := range v.encrypted {
		if int(e.via) >= len(transport.Protocols()) || !e.via.Encrypted() {
			return false
		}
	}
	return true
}
