package service

import (
	"context"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// Watch tells the service manager regularly that the process is well, if the manager wants to know
// (WatchdogSec=), until ctx ends. The manager restarts a process that it does not hear of; healthy
// has half of its patience for its answer.
func Watch(ctx context.Context, healthy func(context.Context) error, ill func(error)) {
	patience, err := daemon.SdWatchdogEnabled(false)
	if err != nil || patience <= 0 {
		return
	}
	tick := time.NewTicker(patience / 4)
	defer tick.Stop()
	for {
		within, cancel := context.WithTimeout(ctx, patience/2)
		err := healthy(within)
		cancel()
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			ill(err)
		} else {
			Notify(daemon.SdNotifyWatchdog)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
