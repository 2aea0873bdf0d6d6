// Proof by DNS (RFC 8555, section 8.4): a TXT record that is put into a zone by a dynamic update
// (RFC 2136), which is signed (RFC 8945).

package acme

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/mholt/acmez/v3/acme"
	"github.com/miekg/dns"

	"bailiwick/wire"
)

// ttl is that of records for an authority, in seconds: nobody is to keep them.
const ttl = 10

// record is one that an order puts into a zone and takes out again.
type record struct{ Name, Value string }

// publisher puts records into a zone. It implements acmez.Solver and acmez.Waiter.
type publisher struct {
	settings *Settings
	parts    *Parts
	store    *store
	made     map[string]record // by value
	end      time.Time         // of what is done after the order was given up; zero: it was not
}

// newPublisher returns a publisher for one order, which does one thing after the other.
func newPublisher(s *Settings, p *Parts, st *store) *publisher {
	return &publisher{settings: s, parts: p, store: st, made: map[string]record{}}
}

// Present puts the record for a challenge into the zone. It is remembered before: whatever happens,
// it is taken out again.
func (p *publisher) Present(ctx context.Context, c acme.Challenge) error {
	r, err := p.record(ctx, c)
	if err != nil {
		return err
	}
	_ = p.store.change(func(k *kept) { // reported; the record is only left behind
		if len(k.Left) < maxLeft && !slices.Contains(k.Left, r) {
			k.Left = append(k.Left, r)
		}
	})
	return p.update(ctx, r, (*dns.Msg).Insert)
}

// record returns the record for a challenge, the same one whenever it is asked. Its name may be an
// alias into a zone that is there for such records alone.
func (p *publisher) record(ctx context.Context, c acme.Challenge) (record, error) {
	value := c.DNS01KeyAuthorization()
	if r, ok := p.made[value]; ok {
		return r, nil
	}
	name, err := wire.ParseName(c.DNS01TXTRecordName())
	if err != nil {
		return record{}, failf(NotPublished, "%w", err)
	}
	at := p.parts.Target(ctx, name)
	if !at.Within(p.settings.Zone) {
		return record{}, failf(NotPublished, "%v, where the authority looks for its record, is "+
			"not in tls.acme.dns_zone %v: make %v an alias of a name that is", at,
			p.settings.Zone, name)
	}
	p.made[value] = record{at.String(), value}
	return p.made[value], nil
}

// CleanUp takes the record out of the zone. The order may have been given up: this is done all the
// same, for updateTime with all records together, as the process may wait for it to end. What is in
// the zone then is the next order's to take out.
func (p *publisher) CleanUp(ctx context.Context, c acme.Challenge) error {
	end := time.Now().Add(updateTime)
	if ctx.Err() != nil && p.end.IsZero() {
		p.end = end
	} else if ctx.Err() != nil {
		end = p.end
	}
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), end)
	defer cancel()
	r, err := p.record(ctx, c)
	if err != nil {
		return err
	}
	return p.remove(ctx, r)
}

// remove takes a record out of the zone, and forgets it.
func (p *publisher) remove(ctx context.Context, r record) error {
	if err := p.update(ctx, r, (*dns.Msg).Remove); err != nil {
		return err
	}
	return p.forget(r)
}

// forget has a record not be taken out any more.
func (p *publisher) forget(r record) error {
	return p.store.change(func(k *kept) {
		k.Left = slices.DeleteFunc(k.Left, func(o record) bool { return o == r })
	})
}

// removeLeft takes out of the zone what earlier orders have left there.
func (p *publisher) removeLeft(ctx context.Context) {
	for _, r := range p.store.now().Left {
		name, err := wire.ParseName(r.Name)
		if elsewhere := err == nil && !name.Within(p.settings.Zone); elsewhere {
			err = p.forget(r) // the zone was another one, and nothing leads there any more
			p.parts.Log.Warn("a record for the authority stays in a zone that is not "+
				"tls.acme.dns_zone any more", "name", r.Name)
		} else if err == nil {
			err = p.remove(ctx, r)
		}
		if err != nil {
			p.parts.Log.Warn("a record for the authority is still in the zone", "name", r.Name,
				"error", err.Error())
			return // the order says why
		}
	}
}

// update changes the zone by a record, on its server.
func (p *publisher) update(ctx context.Context, r record, how func(*dns.Msg, []dns.RR)) error {
	m := new(dns.Msg).SetUpdate(p.settings.Zone.String())
	how(m, []dns.RR{&dns.TXT{Hdr: dns.RR_Header{Name: r.Name, Rrtype: dns.TypeTXT,
		Class: dns.ClassINET, Ttl: ttl}, Txt: []string{r.Value}}})
	key := &p.settings.Key
	m.SetTsig(key.Name, key.Algorithm, fudge, time.Now().Unix())
	reply, err := p.exchange(ctx, "tcp", p.settings.Server, m)
	switch {
	case err != nil:
		return failf(NotPublished, "update of %v on %v: %w", p.settings.Zone, p.settings.Server,
			err)
	case reply.Rcode != dns.RcodeSuccess:
		return failf(NotPublished, "update of %v on %v: it says %s%s", p.settings.Zone,
			p.settings.Server, dns.RcodeToString[reply.Rcode], keyError(reply))
	case reply.IsTsig() == nil: // anybody may have sent it (RFC 8945, section 5.4)
		return failf(NotPublished, "update of %v on %v: the reply is not signed", p.settings.Zone,
			p.settings.Server)
	}
	return nil
}

// fudge is how far the clocks of the two ends may be apart, in seconds (RFC 8945, section 10).
const fudge = 300

// keyError says what a server holds against the signature of a request, "" if nothing.
func keyError(reply *dns.Msg) string {
	if t := reply.IsTsig(); t != nil && t.Error != 0 {
		return ", and of the key " + dns.RcodeToString[int(t.Error)]
	}
	return ""
}

// exchange sends a message to a server and returns the reply. The TSIG of both is the key's.
func (p *publisher) exchange(ctx context.Context, network string, to netip.AddrPort,
	m *dns.Msg) (*dns.Msg, error) {
	key := &p.settings.Key
	c := dns.Client{Net: network, Timeout: updateTime,
		TsigSecret: map[string]string{key.Name: base64.StdEncoding.EncodeToString(key.Secret)}}
	reply, _, err := c.ExchangeContext(ctx, m, to.String())
	if errors.Is(err, dns.ErrSig) || errors.Is(err, dns.ErrTime) || errors.Is(err, dns.ErrSecret) ||
		errors.Is(err, dns.ErrKeyAlg) {
		if reply != nil && reply.Rcode != dns.RcodeSuccess { // it refuses the key, so without one
			return reply, nil
		}
		return nil, fmt.Errorf("the TSIG of the reply: %w", err)
	}
	return reply, err
}

// Wait waits until all servers of the zone have the record, as far as they answer: the authority
// may ask any of them. After visibleTime it has its say all the same.
func (p *publisher) Wait(ctx context.Context, c acme.Challenge) error {
	r, err := p.record(ctx, c)
	if err != nil {
		return err
	}
	waiting := slices.Clone(p.parts.Servers(ctx, p.settings.Zone))
	waiting = waiting[:min(len(waiting), maxServers)]
	limit := time.NewTimer(visibleTime)
	defer limit.Stop()
	for {
		waiting = slices.DeleteFunc(waiting, func(a netip.AddrPort) bool {
			return p.visible(ctx, a, r)
		})
		if len(waiting) == 0 {
			return ctx.Err()
		}
		again := time.NewTimer(visibleAgain)
		select {
		case <-again.C:
		case <-limit.C:
			p.parts.Log.Warn("not all servers of a zone have the record for the authority",
				"name", r.Name, "servers", fmt.Sprint(waiting))
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// visible reports whether a server has a record, or cannot be asked. One that does not answer, or
// not for the zone, is not waited for: the authority has another view of it, or asks the others.
func (p *publisher) visible(ctx context.Context, server netip.AddrPort, r record) bool {
	m := new(dns.Msg).SetQuestion(r.Name, dns.TypeTXT)
	m.RecursionDesired = false
	reply, err := p.exchange(ctx, "tcp", server, m)
	if err != nil {
		var down net.Error
		return errors.As(err, &down)
	}
	if reply.Rcode != dns.RcodeSuccess && reply.Rcode != dns.RcodeNameError {
		return true
	}
	return slices.ContainsFunc(reply.Answer, func(rr dns.RR) bool {
		t, ok := rr.(*dns.TXT)
		return ok && slices.Contains(t.Txt, r.Value)
	})
}
