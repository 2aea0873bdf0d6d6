// A server as a service of Windows: what its control manager is told, and what it asks for.

package service

import (
	"os"
	"strings"
	"syscall"
	"time"
)

// state is a state of a service, as its manager has it.
type state uint8

const (
	starting state = iota
	serving
	stopping
	stopped
)

// told are the assignments that Notify has passed on, for the manager of Windows.
var told = make(chan string, 8)

// pass passes assignments on. What the manager does not take in time is not worth a wait.
func pass(assignments string) {
	select {
	case told <- assignments:
	default:
	}
}

// progressTime is how often the manager hears of a server that starts or ends; it waits ten times
// as long.
const progressTime = 2 * time.Second

// supervise runs a server until it has ended, and returns its error. The manager's stop is the
// signal SIGTERM to it, and a further one a further signal: it ends in an orderly way. report tells
// the manager of each change, and that a start or an end goes on, which it would give up
// otherwise. The service has stopped only when the server has returned, and always then
// (cloudflare/cloudflared 82).
func supervise(stops <-chan struct{}, told <-chan string, report func(state),
	serve func(signals chan os.Signal) error) error {
	signals, done := make(chan os.Signal, 4), make(chan error, 1)
	go func() { done <- serve(signals) }()
	now := starting
	report(now)
	progress := time.NewTicker(progressTime)
	defer progress.Stop()
	for {
		select {
		case err := <-done:
			report(stopped)
			return err
		case <-stops:
			now = stopping
			select {
			case signals <- syscall.SIGTERM:
			default: // it has got more than it heeds
			}
		case assignments := <-told:
			if now == starting && strings.Contains(assignments, Ready) {
				now = serving
			} else if strings.Contains(assignments, Stopping) {
				now = stopping
			} else {
				continue
			}
		case <-progress.C:
			if now == serving {
				continue
			}
		}
		report(now)
	}
}
