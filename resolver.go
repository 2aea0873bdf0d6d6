// The resolver for other programs: its parts, a question, its end.

package bailiwick

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/clock"
	"bailiwick/internal/event"
	"bailiwick/internal/guard"
	"bailiwick/internal/ledger"
	"bailiwick/internal/routes"
	"bailiwick/resolver"
	"bailiwick/transport"
	"bailiwick/wire"
)

// Resolver resolves names, validates what it finds, and remembers it. It is safe for concurrent
// use.
type Resolver struct {
	engine  *resolver.Resolver
	sockets *transport.NetExchanger
	// damaged is set when so many panics came so soon after each other that nothing can be relied
	// on any more.
	damaged atomic.Bool
	closing sync.Once
}

// New returns a resolver, or everything that is wrong with its configuration. It sends nothing
// before the first question. The caller has to close it.
func New(c Config) (*Resolver, error) {
	cfg, anchors, memory, err := c.complete()
	if err != nil {
		return nil, err
	}
	r, log := &Resolver{}, c.Log
	if log == nil {
		log = slog.Default()
	}
	g := guard.New(log, func(guard.Place) {}, func() { r.damaged.Store(true) })
	held := ledger.New(int64(cfg.MaxFlights) * queryMemory)
	r.sockets = &transport.NetExchanger{Guard: g, Ledger: held}
	p := resolver.Parts{Cache: cache.New(memory), Anchors: anchors, Exchanger: r.sockets,
		Clock: clock.Default(), Guard: g, Routes: routes.New(), Ledger: held}
	if log.Enabled(context.Background(), slog.LevelDebug) {
		p.Events = event.NewLog(log)
	}
	r.engine = resolver.New(cfg, p)
	return r, nil
}

// Question is what is asked, and how.
type Question struct {
	// Name is a domain name in presentation form (RFC 1035, section 5.1), with a final dot or
	// without: it is complete in any case, as no search list is used. Internationalised names are
	// given as A-labels (RFC 5890).
	Name string
	Type Type
	// DNSSEC has signatures and proofs among the records, for who passes the answer on to somebody
	// who validates.
	DNSSEC bool
	// CheckingDisabled has data returned whether they verify or not (RFC 4035, section 3.2.2). They
	// are Indeterminate unless their status is known already.
	CheckingDisabled bool
	// Client is who asks, if the program asks for others. When there are too many questions, those
	// of the network that has the most give way first.
	Client netip.Addr
}

// Resolve asks for the records of a name. It returns an error if there is no answer, see [Failure].
func (r *Resolver) Resolve(ctx context.Context, name string, t Type) (*Answer, error) {
	return r.Ask(ctx, Question{Name: name, Type: t})
}

// Ask answers a question. The error is a [*Failure] if the name cannot be resolved; any other error
// is about a question that nobody can answer. Exactly one of answer and error is nil.
func (r *Resolver) Ask(ctx context.Context, q Question) (*Answer, error) {
	name, err := wire.ParseName(q.Name)
	if err != nil {
		return nil, fmt.Errorf("name %q: %w", q.Name, err)
	}
	t := wire.Type(q.Type)
	if t == wire.TypeNone || t.IsMeta() && t != wire.TypeANY {
		return nil, fmt.Errorf("type %s cannot be asked for", q.Type)
	}
	if r.damaged.Load() {
		return nil, newFailure(cause.New(cause.InternalError, nil, "too many panics"), nil)
	}
	o := resolver.Options{CheckingDisabled: q.CheckingDisabled}
	if q.Client.IsValid() {
		o.Client = transport.ClientPrefix(q.Client.Unmap())
	}
	a := r.engine.Resolve(ctx,
		wire.Question{Name: name, Type: t, Class: wire.ClassIN}, o)
	if a.RCode == wire.RCodeServFail {
		return nil, newFailure(a.Failure, ctx.Err())
	}
	return newAnswer(a, q.DNSSEC), nil
}

// ErrClosed is what a [Failure] wraps if the resolver was closed.
var ErrClosed = errors.New("the resolver is closed")

// Close ends all questions, which fail, and waits for all that the resolver has begun. It may be
// called again.
func (r *Resolver) Close() {
	r.closing.Do(func() {
		r.engine.Close()
		r.sockets.Close()
	})
}
