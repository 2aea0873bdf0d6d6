// The end of a server: what it waits for, and in which order its parts stop.

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/config"
	"bailiwick/internal/console"
	"bailiwick/internal/service"
)

// ending is why and how a server ends.
type ending struct {
	why       string
	wait      time.Duration      // as before, but not ready any more
	successor *service.Successor // that has the sockets; nil: none
}

// run serves until somebody ends it: ctx, a signal, or a command. A signal while it ends has it
// wait no longer; another one has it end without its answers.
func (r *running) run(ctx context.Context, signals <-chan os.Signal) {
	var e ending
	select {
	case <-ctx.Done():
		e = ending{why: context.Cause(ctx).Error()}
	case s := <-signals:
		e = ending{why: s.String() + " signal received"}
		if s == syscall.SIGTERM {
			e.wait = r.now().Config.Service.Wait
		}
	case e = <-r.asked:
	}
	r.log.Info("stopping", "cause", e.why, "wait", e.wait.String())
	if e.successor == nil {
		service.Notify(service.Stopping, service.Status("stopping: "+e.why))
	}
	r.unready("it is being stopped", e.successor) // after an upgrade under way
	select {
	case other := <-r.asked:
		if other.successor != nil { // it has the sockets now
			e = other
		}
	default:
	}
	late := time.NewTimer(e.wait)
	defer late.Stop()
	select {
	case <-late.C:
	case s := <-signals:
		r.log.Info("not waiting any longer", "cause", s.String()+" signal received")
	case <-ctx.Done():
	}
	closed := make(chan struct{})
	go func() { r.closeFor(e.successor); close(closed) }()
	select {
	case <-closed:
	case s := <-signals:
		r.log.Warn("ending without the last answers", "cause", s.String()+" signal received")
	}
}

// unready has /readyz and ready.server tell that the server takes no more clients, and for what
// reason. To who asks over DNS it is as ready as before if a successor has its sockets: a front
// that checks by that is not to leave a server that never stops.
func (r *running) unready(why string, successor *service.Successor) {
	r.unwatching.Do(func() {
		r.reloading.Lock() // a reload begins to watch again
		r.unwatch()
		r.ended = true
		r.reloading.Unlock()
	})
	r.metrics.Draining()
	if r.server != nil && successor == nil {
		r.server.SetReady(cause.New(cause.Stopping, nil, "%s", why))
	}
	if r.console != nil { // else the server has not started
		r.console.SetReady(why)
	}
}

// close ends everything.
func (r *running) close() { r.closeFor(nil) }

// closeFor is close; a successor may have the sockets. First no more queries are taken; what is in
// work is answered meanwhile, by its cause if it takes too long. Only then sockets and connections
// are closed, which the answers leave by. A successor may read the sockets of QUIC when the
// listeners have stopped.
func (r *running) closeFor(successor *service.Successor) {
	r.unready("it is being stopped", successor)
	r.stop()
	r.retiring.Wait()
	listeners := r.now().listeners
	each := func(do func(listening)) {
		var wg sync.WaitGroup
		for _, l := range listeners {
			wg.Go(func() { do(l) })
		}
		wg.Wait()
	}
	quic := func(l listening) bool {
		return l.protocol.Encrypted() && l.protocol.Network() == "udp"
	}
	if successor != nil {
		r.leave()
		each(func(l listening) { l.Detach() })
		r.xdp.Detach()
	}
	r.xdp.Stop()
	each(func(l listening) {
		if l.Stop(); successor != nil && quic(l) {
			l.Close()
		}
	})
	if successor != nil {
		successor.Release()
	}
	ctx, cancel := context.WithTimeout(context.Background(), r.now().Config.Service.Answers)
	if !r.server.Drain(ctx) {
		r.log.Info("queries in work are answered with SERVFAIL")
	}
	cancel()
	r.keeper.Close()
	r.lists.Close()
	r.watched.Close()
	r.acme.Close()
	if successor == nil { // that one has loaded them already
		r.saveCaches()
	}
	r.commands.Close()
	r.now().resolver.Close()
	r.fleet.Close()
	r.server.Close()
	r.xdp.Close()
	each(func(l listening) { l.Close() })
	r.now().queries.closeBut(nil)
	closeTap(r.now().tap, nil)
	r.tracer.Close()
	if r.control != nil {
		_ = r.control.Finish()
	}
	if r.console != nil {
		_ = r.console.Close()
	}
}

// drain is the command that ends the server as SIGTERM does, after a wait of the operator's choice.
func (r *running) drain(q console.Request) (console.Result, error) {
	wait := r.now().Config.Service.Wait
	if text := q.Args["wait"]; text != "" {
		d, err := config.ParseDuration(text)
		if err != nil || d < 0 {
			return console.Result{}, fmt.Errorf("%q is not a duration such as 30s", text)
		}
		wait = d
	}
	r.reloading.Lock()
	ended := r.ended
	r.reloading.Unlock()
	if !ended {
		select {
		case r.asked <- ending{why: "drain, asked for by " + q.Caller, wait: wait}:
		default:
			ended = true
		}
	}
	if ended {
		return console.Result{}, errors.New("the server is being stopped already")
	}
	return console.Result{Fields: map[string]any{"draining": "begun", "wait": wait.String()}}, nil
}
