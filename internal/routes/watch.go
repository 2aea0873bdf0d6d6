// Changes of the network: addresses and routes of this machine, and its return from sleep.

package routes

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"bailiwick/internal/rest"
)

// Change is a change of the network.
type Change struct {
	// Uplink reports whether packets to the public Internet leave from another address now, or by
	// another family: connections that were made before lead nowhere.
	Uplink bool
	Slept  time.Duration // how long the machine slept; 0: it did not
	V4, V6 bool          // the families that a route leads to the public Internet over
}

// state is what a change is seen by.
type state struct {
	local, uplink string
	near          uint64 // changes of routes to private networks
}

// feed is what the system reports.
type feed struct {
	events chan struct{}
	told   atomic.Bool   // something has been sent to events since this was looked at
	near   atomic.Uint64 // changes of routes to private networks (RFC 1918, RFC 4193)
}

// Watch calls changed when the network has changed, until ctx ends. now is a clock that goes on
// while the machine sleeps. A change is reported when nothing more has happened for settle, and no
// later than settleMost after it began.
//
// While s rests, which may be nil, nothing is looked at without an event.
func (t *Table) Watch(ctx context.Context, s *rest.Rest, now func() time.Time,
	changed func(Change)) {
	f := subscribe(ctx)
	polls := f == nil
	if polls {
		f = &feed{}
	}
	was, asleep := f.look(), newSleep(now)
	polled := time.Now()
	for s.Wait(ctx, pollEvery, f.events) {
		told := polls
		if f.told.CompareAndSwap(true, false) {
			told = true
			calm(ctx, f.events)
		}
		slept := asleep.gap(now)
		if !told && slept == 0 && time.Since(polled) < pollAnyway {
			continue
		}
		polled = time.Now()
		is := f.look()
		if is == was && slept == 0 {
			continue
		}
		t.forget()
		c := Change{Uplink: is.uplink != was.uplink, Slept: slept}
		c.V4, c.V6 = t.Families()
		was = is
		changed(c)
	}
}

// calm waits until no more events come: a machine that joins a network has many at once.
func calm(ctx context.Context, events <-chan struct{}) {
	most := time.After(settleMost)
	for {
		select {
		case <-events:
		case <-time.After(settle):
			return
		case <-most:
			return
		case <-ctx.Done():
			return
		}
	}
}

// forget has everything be looked up again.
func (t *Table) forget() {
	t.leads.Purge()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.looked = time.Time{}
}

// look reads the state of the network.
func (f *feed) look() state {
	s := look()
	s.near = f.near.Load()
	return s
}

// look reads what is seen of the network without being told.
func look() (s state) {
	all, _ := net.Interfaces()
	addrs, _ := net.InterfaceAddrs()
	local := []string{fmt.Sprint(addrs)}
	for _, i := range all {
		local = append(local, fmt.Sprint(i.Name, i.Flags&(net.FlagUp|net.FlagRunning)))
	}
	slices.Sort(local)
	s.local = strings.Join(local, "\n")
	s.uplink = source("udp4", rootV4) + " " + source("udp6", rootV6)
	return s
}

// source returns the address that packets to an address leave from; "" where no route leads there.
func source(network, address string) string {
	c, err := net.Dial(network, address)
	if err != nil {
		return ""
	}
	defer c.Close() // nothing was sent
	host, _, _ := net.SplitHostPort(c.LocalAddr().String())
	return host
}

// sleep notices that the machine slept: a clock that counts that time is ahead of one that does
// not.
type sleep struct{ ahead time.Duration }

func newSleep(now func() time.Time) *sleep { return &sleep{lead(now)} }

// started is what the clock that stands still while the machine sleeps is read from.
var started = time.Now()

func lead(now func() time.Time) time.Duration {
	return time.Duration(now().Round(0).UnixNano()) - time.Since(started)
}

// gap returns how long the machine has slept since the last call; 0 for less than sleepLeast.
func (s *sleep) gap(now func() time.Time) time.Duration {
	ahead := lead(now)
	d := ahead - s.ahead
	s.ahead = ahead
	if d < sleepLeast {
		return 0
	}
	return d
}
