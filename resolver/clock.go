// This machine's time of day: what the signatures of the root say of it, and what is done on a
// machine that starts without a clock.

package resolver

import (
	"slices"
	"sync/atomic"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/clock"
	"bailiwick/validator"
	"bailiwick/wire"
)

// ClockState is what is known of this machine's time of day.
type ClockState uint8

// The states.
const (
	ClockUnknown ClockState = iota // nothing has been compared yet
	ClockRight                     // the root's signatures are valid now
	ClockUnset                     // it is before [Config.Earliest]
	ClockBehind                    // the root's signatures all begin in the future
	ClockAhead                     // the root's signatures have all expired
)

// ClockStates returns all states.
func ClockStates() []ClockState {
	return []ClockState{ClockUnknown, ClockRight, ClockUnset, ClockBehind, ClockAhead}
}

// String returns the label of the state.
func (s ClockState) String() string {
	return [...]string{"unknown", "right", "unset", "behind", "ahead"}[s]
}

// Wrong reports whether the clock is known to be wrong.
func (s ClockState) Wrong() bool { return s >= ClockUnset }

// compared is what the last judged signature of the root's keys said of the clock. Resolvers with
// the same caches share it.
type compared struct{ state atomic.Uint32 }

// ClockState returns what is known of the time of day.
func (r *Resolver) ClockState() ClockState {
	if r.cfg.ValidationTime.IsZero() && clock.Wall(r.clock).Before(r.cfg.Earliest) {
		return ClockUnset
	}
	return ClockState(r.compared.state.Load())
}

// clockFor returns the time at which signatures are validated. A machine without a battery starts
// in 1970: no signature that matters is older than this program.
func (r *Resolver) clockFor() time.Time {
	if at := r.cfg.ValidationTime; !at.IsZero() {
		return at
	}
	now := clock.Wall(r.clock)
	if now.Before(r.cfg.Earliest) {
		return r.cfg.Earliest
	}
	return now
}

// compareClock notes what the signatures of the root say of the clock: they are renewed every day,
// so if one is right but for its time, it is the clock that is wrong, or somebody replays an old
// one. Then the failure gets that cause. timeless judges the same again without regard to times:
// else a forged signature could have a clock that is right taken for a wrong one.
func (r *Resolver) compareClock(status wire.Security, f *cause.Failure,
	timeless func(*validator.Validator) wire.Security) {
	if !r.cfg.ValidationTime.IsZero() {
		return
	}
	if status == wire.Secure {
		r.compared.state.Store(uint32(ClockRight))
		return
	}
	if f == nil || f.Zone != wire.Root.String() {
		return
	}
	state, why := ClockAhead, cause.ClockAhead
	switch f.Cause {
	case cause.SignatureExpired:
	case cause.SignatureNotYetValid:
		state, why = ClockBehind, cause.ClockBehind
	default:
		return
	}
	if timeless(r.timeless()) == wire.Secure {
		r.compared.state.Store(uint32(state))
		f.Cause = why
	}
}

// timelessResults is how many results of signature checks are remembered for compareClock.
const timelessResults = 256

// newTimeless returns a validator that does not regard times.
func newTimeless(cfg validator.Config) *validator.Validator {
	cfg.IgnoreTimes, cfg.SignatureCache = true, timelessResults
	return validator.New(cfg)
}

// isTimeServer reports whether a name is one of a time server, which may have to be resolved before
// anything can be validated.
func (r *Resolver) isTimeServer(name wire.Name) bool {
	if slices.ContainsFunc(r.cfg.TimeServers, name.Within) {
		return r.ClockState().Wrong()
	}
	return false
}

// ClockSet has everything tried again that has failed: the time of day was set.
func (r *Resolver) ClockSet() {
	r.memory.flushFailures()
	r.infra.forgive()
}
