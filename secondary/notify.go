// NOTIFY: a primary tells of a change of its zone (RFC 1996).

package secondary

import (
	"encoding/base64"
	"net/netip"
	"slices"

	"github.com/miekg/dns"

	"bailiwick/wire"
)

// Notify returns the response to a NOTIFY request; false if it is for no zone that is kept, or from
// somebody who may not send it: it is read no further then, and goes the way of all queries. One
// that comes from a primary of the zone, or from a network that the operator names, brings the
// next check of the zone forward. It is a hint and no more: what it says of the zone is used only
// to see that there is nothing new (RFC 1996, section 3.11).
func (k *Keeper) Notify(from netip.Addr, packet []byte) ([]byte, bool) {
	h := k.notifiable(from.Unmap(), packet)
	q := new(dns.Msg)
	if h == nil || q.Unpack(packet) != nil || len(q.Question) != 1 {
		return nil, false
	}
	a := new(dns.Msg).SetReply(q)
	a.RecursionAvailable = true // and no AA: nothing is answered with it
	key, rcode := k.notified(h, q, packet)
	if a.Rcode = rcode; rcode == dns.RcodeSuccess {
		k.believe(h, q)
	}
	if key == nil {
		b, _ := a.Pack() // a question that was read can be written
		return b, true
	}
	a.SetTsig(key.Name, key.Algorithm, fudge, k.day().Unix())
	b, _, err := dns.TsigGenerate(a, base64.StdEncoding.EncodeToString(key.Secret),
		q.IsTsig().MAC, false)
	if err != nil {
		return nil, true
	}
	return b, true
}

// notifiable returns the zone that a NOTIFY request is for, nil if there is none or if the sender
// may not send it. Anybody can send such requests, so it reads no more than the question.
func (k *Keeper) notifiable(from netip.Addr, packet []byte) *held {
	zones := *k.zones.Load()
	var q wire.Query
	if len(zones) == 0 || wire.ParseQuery(packet, &q) != nil || q.QDCount != 1 {
		return nil
	}
	if h := zones[q.Question.Name]; h != nil && k.mayNotify(h, from) {
		return h
	}
	return nil
}

// notified decides about a NOTIFY request: the key that it is signed with, and the RCODE of the
// response.
func (k *Keeper) notified(h *held, q *dns.Msg, packet []byte) (*Key, int) {
	switch {
	case q.Question[0].Qtype != dns.TypeSOA:
		return nil, dns.RcodeFormatError
	case q.IsTsig() == nil:
		return nil, dns.RcodeSuccess
	case h.spec.Key == nil:
		return nil, dns.RcodeNotAuth
	}
	v := &verifier{key: h.spec.Key, first: true}
	v.request()
	if v.take(packet, q, k.day()) != nil {
		return nil, dns.RcodeNotAuth
	}
	return h.spec.Key, dns.RcodeSuccess
}

// mayNotify reports whether an address may send NOTIFY for a zone.
func (k *Keeper) mayNotify(h *held, from netip.Addr) bool {
	if slices.ContainsFunc(h.spec.NotifyFrom, func(p netip.Prefix) bool {
		return p.Contains(from)
	}) {
		return true
	}
	for _, p := range h.spec.Primaries {
		if p.Addr.Unmap() == from {
			return true
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return h.known[from]
}

// believe brings the next check of a zone forward, unless its serial is that of the copy or older.
func (k *Keeper) believe(h *held, q *dns.Msg) {
	if c := h.copy.Load(); c != nil {
		for _, rr := range q.Answer {
			if soa, ok := rr.(*dns.SOA); ok && !newer(soa.Serial, c.SOA().Serial) {
				return
			}
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.parts.Clock.Now()
	h.schedule = h.schedule.notified(now)
	k.Wake()
}
