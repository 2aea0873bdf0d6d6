// How another process takes over: it gets the sockets, and serves before this one stops.

package main

import (
	"errors"
	"fmt"

	"bailiwick/internal/console"
	"bailiwick/internal/service"
	"bailiwick/transport"
)

// upgrade starts the program that is installed now, with the sockets of this process, and ends this
// process when that one serves. If it does not, everything stays as it is.
func (r *running) upgrade() (pid int, err error) {
	r.upgrading.Lock()
	defer r.upgrading.Unlock()
	// The new process reads what these have saved: it is the node of the fleet, and orders
	// certificates, from now on. What they wait for may wait for reloading.
	r.handing.Store(true)
	r.commands.Close()
	r.acme.Close()
	r.reloading.Lock()
	defer r.reloading.Unlock()
	defer func() {
		if err != nil && !r.ended {
			r.handing.Store(false)
			r.acme.Start()
			r.joinFleet()
		}
	}()
	if r.ended {
		return 0, errors.New("the server is being stopped")
	}
	defer func() { r.metrics.Upgraded(err == nil) }()
	service.Notify(service.Status("a new process is taking over"))
	r.saveCaches()
	s, err := r.hand()
	if err == nil {
		r.log.Info("a new process was started", "pid", s.PID)
		err = s.Await(service.ReadyTime)
	}
	if err != nil {
		service.Notify(service.Status("serving; an upgrade failed"))
		r.log.Error("the new process did not take over: this one goes on", "error", err.Error())
		return 0, err
	}
	service.Notify(fmt.Sprintf("MAINPID=%d", s.PID))
	r.ended = true // nothing is reloaded any more
	r.asked <- ending{why: fmt.Sprintf("process %d has taken over", s.PID), successor: s}
	return s.PID, nil
}

// hand starts the new process with duplicates of all sockets, and with the secrets that clients
// have part of.
func (r *running) hand() (*service.Successor, error) {
	var sockets []service.Handed
	defer func() {
		for _, s := range sockets {
			closeDuplicate(s.FD)
		}
	}()
	add := func(name string) func(uintptr) error {
		return func(fd uintptr) error {
			d, err := duplicate(fd)
			if err == nil {
				sockets = append(sockets, service.Handed{Name: name, FD: d})
			}
			return err
		}
	}
	for _, l := range r.now().listeners {
		if err := l.Each(add(l.protocol.String())); err != nil {
			return nil, err
		}
	}
	if err := r.xdp.Each(func(name string, fd uintptr) error { return add(name)(fd) }); err != nil {
		return nil, err
	}
	if s := r.console.Socket(); s != nil {
		if err := transport.WithDescriptor(s, add("admin")); err != nil {
			return nil, err
		}
	}
	if r.control != nil {
		if err := transport.WithDescriptor(r.control.Socket(), add("control")); err != nil {
			return nil, err
		}
	}
	secrets := service.Secrets{Cookies: r.server.OwnSecret()}
	if r.tls != nil {
		secrets.Tickets = r.tls.Tickets().Own()
	}
	return r.program.Start(sockets, secrets)
}

// leave closes the operator's ways to this process; whoever comes by them next meets the new one.
func (r *running) leave() {
	if r.control != nil {
		r.control.Detach()
		_ = r.control.Finish()
	}
	_ = r.console.Close()
}

// upgradeCommand is the command of ctl.
func (r *running) upgradeCommand(console.Request) (console.Result, error) {
	pid, err := r.upgrade()
	if err != nil {
		return console.Result{}, fmt.Errorf("this process goes on: %w", err)
	}
	return console.Result{Fields: map[string]any{"upgrade": "a new process serves",
		"pid": pid}}, nil
}
