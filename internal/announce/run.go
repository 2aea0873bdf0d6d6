package announce

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"bailiwick/internal/trouble"
)

// Daemon is a routing daemon.
type Daemon interface {
	// Put has all routes be in a place. It is called again and again with the same one.
	Put(ctx context.Context, to Place) error
	// Gone is closed when the daemon has ended, and will not come again to this process.
	Gone() <-chan struct{}
}

// Announcer has the routes of servers be where they should.
type Announcer struct {
	Probe interface {
		Check(context.Context) (Health, error)
	}
	Daemon  Daemon
	Permits *Permits // nil: none are needed
	Every   time.Duration
	Log     *slog.Logger
	// Saw and Moved are told of each check, and each time that the routes have moved.
	Saw   func(Health)
	Moved func(Place)

	state                  State
	told                   time.Time // when the daemon was told last that it has confirmed
	server, daemon, permit *trouble.State
}

// errGone is the error of a routing daemon that has ended.
var errGone = errors.New("the routing daemon has ended")

// Run works until the context ends, or the daemon does. It begins and ends with the routes
// withdrawn: whether the server was well while nobody looked is not known.
func (a *Announcer) Run(ctx context.Context, rules Rules) error {
	a.state = State{Rules: rules}
	a.server = trouble.New(a.Log, "the server does not pass its checks",
		"the server passes its checks again")
	a.daemon = trouble.New(a.Log, "the routing daemon does not do what it is told",
		"the routing daemon does what it is told again")
	a.permit = trouble.New(a.Log, "the routes stay announced, though the server is poor",
		"the routes may be withdrawn again")
	a.put(ctx, time.Now(), Withdrawn)
	tick := time.NewTicker(a.Every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			a.round(ctx)
		case <-a.Daemon.Gone():
			return errGone
		case <-ctx.Done():
			return a.end()
		}
	}
}

// end withdraws the routes.
func (a *Announcer) end() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err := a.Daemon.Put(ctx, Withdrawn)
	if a.Permits != nil {
		err = errors.Join(err, a.Permits.Give(ctx))
	}
	a.Log.Info("the routes are withdrawn, as this process ends")
	return err
}

// round makes a check, and what follows from it.
func (a *Announcer) round(ctx context.Context) {
	h, why := a.Probe.Check(ctx)
	if ctx.Err() != nil {
		return
	}
	now := time.Now()
	a.Saw(h)
	a.server.Note(why)
	was := a.state.Place
	to := a.state.Want(now, h)
	if !a.permitted(ctx, h, to) {
		if to = was; a.state.Rules.Lower {
			to = Lowered
		}
	}
	if to == was {
		if now.Sub(a.told) >= repeatTime {
			a.put(ctx, now, was)
		}
		return
	}
	if !a.put(ctx, now, to) {
		return // it is tried again after the next check
	}
	a.state.Went(now, to, h)
	a.Moved(to)
	level, args := slog.LevelInfo, []any{"was", was.String(), "server", h.String()}
	if why != nil {
		level, args = slog.LevelWarn, append(args, "why", why.Error())
	}
	if d := a.state.Damped(now); d > 0 && to != Announced {
		args = append(args, "at_least", d.Round(time.Second))
	}
	a.Log.Log(ctx, level, "the routes are "+to.String(), args...)
}

// permitted reports whether the routes may go to a place. A server that is not there, or that its
// operator ends, is withdrawn in any case. One that is slow may have too much to do: where each
// such node is withdrawn the next one gets its clients, until there is none.
func (a *Announcer) permitted(ctx context.Context, h Health, to Place) bool {
	if a.Permits == nil {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, a.Every)
	defer cancel()
	switch {
	case to != Withdrawn:
		_ = a.Permits.Give(ctx) // or it ends by itself
		return true
	case h != Poor && h != Silent:
		return true
	}
	ours, err := a.Permits.Take(ctx)
	switch {
	case a.state.Place == Withdrawn:
		return true
	case err != nil && !ours:
		a.permit.Note(err)
	case !ours:
		a.permit.Note(errors.New("as many nodes as may be are withdrawn"))
	default:
		a.permit.Note(nil)
	}
	return ours
}

// put has the daemon put the routes, and reports whether it has.
func (a *Announcer) put(ctx context.Context, now time.Time, to Place) bool {
	err := a.Daemon.Put(ctx, to)
	if ctx.Err() != nil {
		return false
	}
	if a.daemon.Note(err); err != nil && err != errUnconfirmed {
		return false
	}
	a.told = now
	return true
}
