// The caches over a restart: saved on a schedule and at the end, loaded in the background.

package main

import (
	"errors"
	"io"
	"io/fs"
	"time"

	"bailiwick/internal/guard"
	"bailiwick/internal/state"
	"bailiwick/resolver"
)

// keepWarm loads the caches that were saved, and saves them from time to time, until close. Clients
// are served meanwhile.
func (r *running) keepWarm() {
	if r.state == nil {
		close(r.loaded)
		return
	}
	go r.guard.Run(guard.Upkeep, func() {
		r.loadCaches()
		close(r.loaded)
		for last := time.Now(); r.rest.Wait(r.ctx, saveCheck, nil); {
			if time.Since(last) >= r.now().Config.Service.SaveInterval {
				r.saveCaches()
				last = time.Now()
			}
		}
	})
}

// saveCheck is the time between two looks whether the caches are to be saved.
const saveCheck = 10 * time.Second

// loadCaches loads what is saved. That there is nothing, or nothing that can be used, is not an
// error.
func (r *running) loadCaches() {
	if r.now().Config.Service.SaveInterval == 0 {
		return
	}
	began, used := time.Now(), processorTime()
	var n resolver.Restored
	loader := r.now().resolver
	err := r.state.Load(state.Cache, func(from io.Reader) (err error) {
		n, err = loader.Restore(r.ctx, from)
		if errors.Is(err, resolver.ErrOtherTime) || r.ctx.Err() != nil {
			r.log.Warn("the saved caches are not used", "reason", err)
			return nil // the file itself is good
		}
		return err
	})
	if now := r.now().resolver; now != loader { // what was reloaded meanwhile holds for these too
		now.Forget(loader)
	}
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			r.log.Warn("the server begins with empty caches", "error", err.Error())
		}
		return
	}
	r.metrics.Restored(n.Used, n.Outdated, n.Ended)
	r.log.Info("caches loaded", "entries", n.Used, "outdated", n.Outdated, "ended", n.Ended,
		"age", n.Age.Round(time.Second).String(), "took", time.Since(began).String(),
		"processor", (processorTime() - used).String())
}

// saveCaches saves the caches, unless what was saved before is still being loaded.
func (r *running) saveCaches() {
	select {
	case <-r.loaded:
	default:
		return
	}
	if r.now().Config.Service.SaveInterval == 0 {
		return
	}
	began := time.Now()
	if r.state.Save(state.Cache, r.now().resolver.Save) == nil && r.state != nil {
		r.log.Info("caches saved", "took", time.Since(began).String())
	}
}
