package service

import (
	"errors"
	"os"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// TestSupervised: a stop is SIGTERM to the server, the manager is told that the end goes on for as
// long as the answers take, and that it has ended when the server has returned, and not before
// (cloudflare/cloudflared 82).
func TestSupervised(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stops, told := make(chan struct{}), make(chan string)
		var reported []state
		failed := errors.New("it failed")
		go func() {
			time.Sleep(3 * time.Second)
			told <- Ready + "\nSTATUS=serving"
			time.Sleep(time.Hour)
			told <- Reloading()
			told <- Ready
			stops <- struct{}{}
		}()
		began := time.Now()
		err := supervise(stops, told, func(s state) { reported = append(reported, s) },
			func(signals chan os.Signal) error {
				if s := <-signals; s != syscall.SIGTERM {
					t.Errorf("it gets %v", s)
				}
				time.Sleep(4500 * time.Millisecond)
				return failed
			})
		if err != failed {
			t.Error(err)
		}
		want := []state{starting, starting, serving, stopping, stopping, stopping, stopped}
		if !slices.Equal(reported, want) {
			t.Errorf("%v, want %v", reported, want)
		}
		if took := time.Since(began); took != time.Hour+7500*time.Millisecond {
			t.Errorf("it took %v", took)
		}
	})
}

// TestSupervisedFailure: a server that cannot start has stopped, and its error is known.
func TestSupervisedFailure(t *testing.T) {
	var reported []state
	failed := errors.New("the port is taken")
	err := supervise(nil, nil, func(s state) { reported = append(reported, s) },
		func(chan os.Signal) error { return failed })
	if err != failed || !slices.Equal(reported, []state{starting, stopped}) {
		t.Errorf("%v, %v", err, reported)
	}
}

// TestSupervisedStops: whoever stops it again and again is never waited for.
func TestSupervisedStops(t *testing.T) {
	stops, done := make(chan struct{}), make(chan struct{})
	ended := make(chan error)
	go func() {
		ended <- supervise(stops, nil, func(state) {}, func(chan os.Signal) error {
			<-done
			return nil
		})
	}()
	for range 100 {
		stops <- struct{}{}
	}
	close(done)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
