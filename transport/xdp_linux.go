// The interfaces whose packets are taken, on Linux.

package transport

import (
	"errors"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"bailiwick/internal/guard"
	"bailiwick/internal/xdp"
)

// xdpCheck is how often an interface is looked at: its MTU may change, and it may go, or have run
// out of frames for packets.
const xdpCheck = 2 * time.Second

// XDP is all interfaces whose packets are taken.
type XDP struct {
	parts   XDPParts
	targets atomic.Pointer[[]target]

	mu    sync.Mutex
	ports []*xdpPort          // guarded by mu
	lost  map[string]unserved // interfaces that are not served; guarded by mu
}

// unserved is an interface that is not served.
type unserved struct {
	order int
	err   error
}

// NewXDP returns an XDP without interfaces.
func NewXDP(p XDPParts) *XDP {
	x := &XDP{parts: p, lost: map[string]unserved{}}
	x.Use(nil)
	return x
}

// xdpPort is an interface, and what reads from it.
type xdpPort struct {
	*xdp.Port
	xdp     *XDP
	free    <-chan struct{} // ends when another process has stopped reading; nil: there is none
	closing chan struct{}   // closed when the readers are to end
	bell    int             // an eventfd that wakes all readers, for ever
	left    atomic.Bool     // a successor goes on
	gone    atomic.Bool     // see [xdp.Port.Check]
	wg      sync.WaitGroup
	ending  sync.Once
}

// Open takes the packets of an interface, or says why it cannot. Readers begin with Start.
func (x *XDP) Open(s xdp.Spec) error {
	p, err := xdp.Open(s)
	return x.add(s, p, err, nil)
}

// Adopt takes over an interface from another process; take returns a file that it has left, by its
// name. Reading begins when free ends.
func (x *XDP) Adopt(s xdp.Spec, take func(name string) *os.File, free <-chan struct{}) error {
	p, err := xdp.Adopt(s, take)
	return x.add(s, p, err, free)
}

func (x *XDP) add(s xdp.Spec, p *xdp.Port, err error, free <-chan struct{}) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if err == nil {
		port := &xdpPort{Port: p, xdp: x, free: free, closing: make(chan struct{})}
		if port.bell, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err == nil {
			x.ports = append(x.ports, port)
			return nil
		}
		p.Close()
	}
	x.lost[s.Interface] = unserved{len(x.ports) + len(x.lost), err}
	return err
}

// Use has packets go to these listeners.
func (x *XDP) Use(list []XDPTarget) {
	all := targetsOf(list)
	x.targets.Store(&all)
}

// Start begins to read.
func (x *XDP) Start() {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, p := range x.ports {
		p.wg.Go(func() { x.parts.Guard.Run(guard.Upkeep, p.watch) })
		p.wg.Go(p.serve)
	}
}

// serve starts the readers once nobody else reads.
func (p *xdpPort) serve() {
	if p.free != nil {
		select {
		case <-p.free:
		case <-p.closing:
			return
		}
		if err := p.Resume(); err != nil {
			p.lose(err)
			p.Detach()
			return
		}
	}
	for _, q := range p.Queues {
		p.wg.Go(newXDPReader(p, q).run)
	}
}

// lose records why the interface is no longer served.
func (p *xdpPort) lose(err error) {
	p.gone.Store(true)
	p.xdp.mu.Lock()
	p.xdp.lost[p.Interface()] = unserved{len(p.xdp.ports), err}
	p.xdp.mu.Unlock()
	p.xdp.parts.Log.Error("an interface is not served by AF_XDP any more", "interface",
		p.Interface(), "reason", err.Error())
}

// watch looks at the interface now and then.
func (p *xdpPort) watch() {
	t := time.NewTicker(xdpCheck)
	defer t.Stop()
	for {
		select {
		case <-p.closing:
			return
		case <-t.C:
		}
		if err := p.Check(); err != nil {
			p.lose(err)
			return
		}
		for _, q := range p.Queues {
			q.Refill()
		}
	}
}

// States returns what all interfaces are like, those first that are served.
func (x *XDP) States() (all []XDPState) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, p := range x.ports {
		if !p.gone.Load() {
			all = append(all, XDPState{p.Interface(), nil, p.State(), p.Counts()})
		}
	}
	served := len(all)
	for name, l := range x.lost {
		all = append(all, XDPState{Interface: name, Err: l.err})
	}
	slices.SortFunc(all[served:], func(a, b XDPState) int {
		return x.lost[a.Interface].order - x.lost[b.Interface].order
	})
	return all
}

// Keep leaves the interfaces that are not among those any more, or of which something else is
// wanted, and returns the names of what is left out, and of what could be had at a start only.
func (x *XDP) Keep(specs []xdp.Spec) (left, missing []string) {
	wanted := func(p *xdpPort) bool {
		return slices.ContainsFunc(specs, func(s xdp.Spec) bool { return s.Equal(p.Spec()) })
	}
	x.mu.Lock()
	var over []*xdpPort
	for _, p := range x.ports {
		if !wanted(p) {
			over, left = append(over, p), append(left, p.Interface())
		}
	}
	x.ports = slices.DeleteFunc(x.ports, func(p *xdpPort) bool { return !wanted(p) })
	for _, s := range specs {
		if !slices.ContainsFunc(x.ports, func(p *xdpPort) bool { return s.Equal(p.Spec()) }) {
			missing = append(missing, s.Interface)
		}
	}
	for name := range x.lost {
		if !slices.ContainsFunc(specs, func(s xdp.Spec) bool { return s.Interface == name }) {
			delete(x.lost, name)
		}
	}
	x.mu.Unlock()
	for _, p := range over {
		p.stop()
		p.end()
	}
	return left, missing
}

// Each calls f with what a successor needs, and its name.
func (x *XDP) Each(f func(name string, fd uintptr) error) error {
	var errs []error
	for _, p := range x.all() {
		if !p.gone.Load() {
			errs = append(errs, p.Each(f))
		}
	}
	return errors.Join(errs...)
}

func (x *XDP) all() []*xdpPort {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Clone(x.ports)
}

// Detach leaves what arrives from now on to a successor.
func (x *XDP) Detach() {
	for _, p := range x.all() {
		p.left.Store(true)
	}
}

// Stop answers what has arrived and ends the reading. Later answers are still sent: by the sockets
// of their listeners, if a successor has the interfaces.
func (x *XDP) Stop() {
	for _, p := range x.all() {
		p.stop()
	}
}

// Close closes everything.
func (x *XDP) Close() {
	x.Stop()
	for _, p := range x.all() {
		p.end()
	}
}

// stop ends the reading. Without a successor the kernel gets the packets first, so that what still
// comes meets the sockets, and what is in the rings is read to its end.
func (p *xdpPort) stop() {
	p.ending.Do(func() {
		if !p.left.Load() {
			p.Detach()
		}
		close(p.closing)
		_, _ = unix.Write(p.bell, []byte{1, 0, 0, 0, 0, 0, 0, 0})
		p.wg.Wait()
		if p.left.Load() {
			p.Stop()
		}
	})
	p.wg.Wait()
}

// end closes the sockets.
func (p *xdpPort) end() {
	p.xdp.mu.Lock()
	p.xdp.ports = slices.DeleteFunc(p.xdp.ports, func(o *xdpPort) bool { return o == p })
	p.xdp.mu.Unlock()
	p.Close()
	_ = unix.Close(p.bell) // an error changes nothing
}
