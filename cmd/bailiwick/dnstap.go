// Copies of DNS messages: which tap is in use, and the operations about it.

package main

import (
	"errors"
	"fmt"
	"net/netip"

	"bailiwick/internal/config"
	"bailiwick/internal/console"
	"bailiwick/internal/dnstap"
)

// tapOf returns the tap of a configuration, nil if it has none. One that sends to the same place as
// the one in use has its sender, with the file or the connection begun anew where that is needed.
func (s *stack) tapOf(cfg *config.Config, old *dnstap.Tap) (*dnstap.Tap, error) {
	c := cfg.Dnstap.Named(version)
	switch {
	case c.To == dnstap.Off:
		return nil, nil
	case old != nil && old.Serves(c):
		old.Reopen()
		if c.Equal(old.Config()) {
			return old, nil
		}
		return dnstap.NewTap(c, old.Sender), nil
	}
	sender, err := dnstap.NewSender(c, dnstap.Parts{Log: s.log, Counts: s.metrics.Dnstap,
		Guard: s.guard})
	if err != nil {
		return nil, fmt.Errorf("dnstap: %w", err)
	}
	return dnstap.NewTap(c, sender), nil
}

// closeTap ends the sender of a tap, unless another one has it.
func closeTap(t, other *dnstap.Tap) {
	if t != nil && (other == nil || other.Sender != t.Sender) {
		t.Close()
	}
}

// dnstapState tells how it is with copies of messages.
func (r *running) dnstapState(console.Request) (console.Result, error) {
	t, n := r.now().tap, r.metrics.Dnstap
	f := map[string]any{"to": t.Config().To.String(), "written": n.Written.Load(),
		"dropped": n.Dropped.Load(), "lost": n.Lost.Load()}
	if t != nil {
		f["sample"], f["place"] = t.Config().Sample, t.Config().Place()
		if p := t.Problem(); p != "" {
			f["problem"] = p
		}
	}
	return console.Result{Fields: f}, nil
}

// rotateDnstap has the file of messages renamed, and another one begun.
func (r *running) rotateDnstap(console.Request) (console.Result, error) {
	t := r.now().tap
	if t.Config().To != dnstap.File {
		return console.Result{}, errors.New("messages are not copied to a file: see dnstap.to")
	}
	t.Rotate()
	return console.Result{Fields: map[string]any{"rotate": "under way"}}, nil
}

// sentTo returns the address that queries at a listener are sent to. Of a listener at all addresses
// of the machine the port alone is known.
func sentTo(l listening) netip.AddrPort {
	at := l.Addr()
	if at.Addr().IsUnspecified() {
		return netip.AddrPortFrom(netip.Addr{}, at.Port())
	}
	return at
}
