package acme

import (
	"context"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3"

	"bailiwick/internal/clock"
	"bailiwick/internal/rounds"
	"bailiwick/transport"
)

// tick is the time between two looks whether something is due.
const tick = 5 * time.Second

// Manager keeps the certificate. It implements transport.CertificateSource.
type Manager struct {
	parts   Parts
	rounds  atomic.Pointer[rounds.Rounds] // others after each Start
	store   *store
	current atomic.Pointer[[]*tls.Certificate] // none, or one
	counts  [outcomes]atomic.Uint64
	success atomic.Int64 // Unix time of the last order that succeeded, in any process

	mu       sync.Mutex
	settings Settings  // guarded by mu, as is all below
	busy     bool      // something is under way
	ordering bool      // an order is
	forced   bool      // somebody wants an order
	asked    time.Time // when somebody last did
}

// New returns a manager that does nothing until it is told what to do, and started.
func New(p Parts) *Manager {
	m := &Manager{parts: p, store: load(p.State)}
	m.rounds.Store(rounds.New(p.Guard, p.Rest, tick))
	m.current.Store(new([]*tls.Certificate))
	certmagic.UserAgent = p.Agent
	return m
}

// wall is the time of day.
func wall(p *Parts) time.Time { return clock.Wall(p.Clock) }

// Use has the manager go by other settings. The certificate in use stays until the one that they
// want is there, if there is to be any.
func (m *Manager) Use(s Settings) {
	m.mu.Lock()
	m.settings = s
	m.publish()
	m.mu.Unlock()
	m.rounds.Load().Wake()
}

// publish has listeners use the certificate that there is. The caller holds mu.
func (m *Manager) publish() {
	list := []*tls.Certificate{}
	if c := m.store.now().Certificate; c != nil && m.settings.On() {
		list = append(list, c.pair)
		m.success.Store(c.Obtained.Unix())
	}
	m.current.Store(&list)
}

// Start begins to look what is due, also again after Close.
func (m *Manager) Start() {
	m.rounds.Store(rounds.New(m.parts.Guard, m.parts.Rest, tick))
	m.rounds.Load().Start(m.round)
}

// Wake has it look now, after the clock was moved.
func (m *Manager) Wake() { m.rounds.Load().Wake() }

// Close gives up what is under way, and waits for it. Nothing is saved after that.
func (m *Manager) Close() { m.rounds.Load().Close() }

// All implements transport.CertificateSource.
func (m *Manager) All() []*tls.Certificate { return *m.current.Load() }

// Certificate implements transport.CertificateSource.
func (m *Manager) Certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if all := m.All(); len(all) > 0 {
		return all[0], nil
	}
	return nil, transport.ErrNoCertificate
}

// Refresh implements transport.CertificateSource: it is not to be waited for.
func (*Manager) Refresh() error { return nil }

// Challenge returns the certificate that proves an authority what it wants proven of a name; nil if
// nothing is to be proven of it.
func (m *Manager) Challenge(name string) *tls.Certificate {
	c, ok := certmagic.GetACMEChallenge(strings.ToLower(strings.TrimSuffix(name, ".")))
	if !ok {
		return nil
	}
	k, err := acmez.TLSALPN01ChallengeCert(c.Challenge)
	if err != nil {
		return nil
	}
	return k
}

// round begins what is due. Without an authority nothing ever is.
func (m *Manager) round() (idle bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.settings.On() || m.busy {
		return !m.settings.On()
	}
	s, k, now := m.settings, m.store.now(), wall(&m.parts)
	var work func()
	ordering := true
	switch {
	case m.forced, !now.Before(m.next(&s, &k, now)):
		work = func() { m.order(&s) }
	case k.Certificate != nil && k.Certificate.asks(s.wanted(), now):
		ordering, work = false, func() { m.ask(&s, k.Certificate) }
	default:
		return false
	}
	m.busy, m.ordering, m.forced = true, ordering, m.forced && !ordering
	m.rounds.Load().Go(work, func() {
		m.mu.Lock()
		m.busy, m.ordering = false, false
		m.mu.Unlock()
		m.rounds.Load().Wake() // for what has become due meanwhile
	})
	return false
}

// next returns when the next order is due.
func (m *Manager) next(s *Settings, k *kept, now time.Time) time.Time {
	have, renewal := "", time.Time{}
	if c := k.Certificate; c != nil {
		have, renewal = c.For, s.renewal(c.pair.Leaf, c.Suggested)
	}
	return next(s.wanted(), have, renewal, k.Attempts, now)
}

// order orders the certificate, and has listeners use it.
func (m *Manager) order(s *Settings) {
	ctx, cancel := context.WithTimeout(m.rounds.Load().Context(), orderTime)
	defer cancel()
	var attempt attempts
	var former *issued
	err := m.store.change(func(k *kept) {
		attempt = k.Attempts.begun(s.wanted(), wall(&m.parts), rand.Float64())
		k.Attempts, former = attempt, k.Certificate
	})
	var c *issued
	if err != nil {
		err = failf(Unsaved, "the attempt cannot be written down: %w", err)
	} else {
		m.parts.Log.Info("a certificate is ordered", "authority", s.Directory, "for",
			strings.Join(s.identifiers(), " "), "attempt", attempt.Failures)
		c, err = order(ctx, s, &m.parts, m.store, former)
	}
	if m.rounds.Load().Context().Err() != nil && err != nil {
		return // the process ends: this is written down
	}
	m.counts[outcomeOf(err)].Add(1)
	if err != nil {
		m.failed(s, attempt, err)
		return
	}
	_ = m.store.change(func(k *kept) { // it reports a failure; the certificate is used all the same
		k.Certificate, k.Attempts = c, attempts{}
	})
	m.mu.Lock()
	m.publish()
	m.mu.Unlock()
	m.parts.Log.Info("a certificate was issued", "for", strings.Join(s.identifiers(), " "),
		"expires", c.pair.Leaf.NotAfter.Format(time.RFC3339), "renewed",
		s.renewal(c.pair.Leaf, c.Suggested).Format(time.RFC3339))
}

// failed keeps why an order failed.
func (m *Manager) failed(s *Settings, a attempts, err error) {
	o := outcomeOf(err)
	a = a.failed(o, err.Error(), wall(&m.parts))
	_ = m.store.change(func(k *kept) { // it reports a failure
		if k.Attempts.For == a.For {
			k.Attempts = a
		}
	})
	said := []any{"outcome", o.Label(), "error", a.Problem, "hint", o.Hint(), "failures",
		a.Failures, "again", a.Next.Format(time.RFC3339)}
	if all := m.All(); len(all) > 0 {
		said = append(said, "certificate ends", all[0].Leaf.NotAfter.Format(time.RFC3339))
	}
	m.parts.Log.Error("no certificate was issued", append(said, "for",
		strings.Join(s.identifiers(), " "))...)
}

// ask asks the authority when it wants the certificate renewed (RFC 9773): it knows if it is going
// to revoke it. One that does not say is asked again, and the certificate's end decides.
func (m *Manager) ask(s *Settings, c *issued) {
	ctx, cancel := context.WithTimeout(m.rounds.Load().Context(), orderTime)
	defer cancel()
	again, at := askTime, time.Time{}
	if l, err := answerLookUps(ctx, m.parts.LookUp); err == nil {
		defer l.Close()
		info, err := issuer(s, &m.parts, m.store, l).GetRenewalInfo(ctx,
			certmagic.Certificate{Certificate: *c.pair})
		if w := info.SuggestedWindow; err == nil && !w.Start.IsZero() && !w.End.Before(w.Start) {
			at = w.Start.Add(time.Duration(rand.Float64() * float64(w.End.Sub(w.Start))))
		}
		if r := info.RetryAfter; err == nil && r != nil {
			again = min(max(time.Until(*r), askLeast), maxAsk)
		}
	}
	_ = m.store.change(func(k *kept) { // it reports a failure
		if k.Certificate == nil || !k.Certificate.pair.Leaf.Equal(c.pair.Leaf) {
			return
		}
		next := *k.Certificate
		if next.Ask = wall(&m.parts).Add(again); !at.IsZero() {
			next.Suggested = at
		}
		k.Certificate = &next
	})
}

// Errors of Renew.
var (
	errOff  = errors.New("no certificate is had from an authority: see tls.acme")
	errBusy = errors.New("an order is under way")
	errSoon = errors.New("somebody has asked for that within the last minute; the authority " +
		"counts orders")
)

// Renew has the certificate ordered now, whatever the schedule says.
func (m *Manager) Renew() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := wall(&m.parts)
	switch {
	case !m.settings.On():
		return errOff
	case m.ordering || m.forced:
		return errBusy
	case !m.asked.IsZero() && now.Sub(m.asked) < forcedAgain:
		return errSoon
	}
	m.forced, m.asked = true, now
	m.rounds.Load().Wake()
	return nil
}

// Status is how it is with the certificate.
type Status struct {
	On       bool
	For      []string
	Has      bool      // there is one, of whatever it is for
	Ordering bool      // an order is under way, or about to be
	Next     time.Time // when it is ordered
	Last     time.Time // order that failed; zero: none has since the last success
	Failures int       // in a row
	Outcome  Outcome   // of the last order
	Problem  string    // why it failed
}

// Status returns how it is with the certificate.
func (m *Manager) Status() Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, k := &m.settings, m.store.now()
	if !s.On() {
		return Status{}
	}
	st := Status{On: true, For: s.identifiers(), Has: k.Certificate != nil,
		Ordering: m.ordering || m.forced, Next: m.next(s, &k, wall(&m.parts))}
	if a := k.Attempts; a.Failures > 0 && a.For == s.wanted() {
		st.Last, st.Failures, st.Outcome, st.Problem = a.Last, a.Failures, a.Outcome, a.Problem
	}
	return st
}

// Count returns how many orders had an outcome.
func (m *Manager) Count(o Outcome) uint64 { return m.counts[o].Load() }

// Success returns when a certificate was last issued; zero: never.
func (m *Manager) Success() time.Time {
	if at := m.success.Load(); at > 0 {
		return time.Unix(at, 0)
	}
	return time.Time{}
}
