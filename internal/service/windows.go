//go:build windows

package service

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/mgr"
)

// RunAsService runs a server as a service of Windows until it has ended.
func RunAsService(serve func(signals chan os.Signal) error) error {
	h := &handler{serve: serve}
	if err := svc.Run("", h); err != nil { // the name counts for services that share a process
		return err
	}
	return h.err
}

// handler is what the control manager talks to.
type handler struct {
	serve func(signals chan os.Signal) error
	err   error
}

// states are the manager's names of states.
var states = [...]svc.State{starting: svc.StartPending, serving: svc.Running,
	stopping: svc.StopPending, stopped: svc.Stopped}

// Execute implements svc.Handler. A failed server has the manager start it again.
func (h *handler) Execute(_ []string, requests <-chan svc.ChangeRequest,
	changes chan<- svc.Status) (ownCode bool, code uint32) {
	stops, ended := make(chan struct{}), make(chan struct{})
	defer close(ended)
	current := make(chan svc.Status, 1)
	current <- svc.Status{State: svc.StartPending}
	go func() {
		for {
			select {
			case r := <-requests:
				switch r.Cmd {
				case svc.Interrogate:
					s := <-current
					current <- s
					changes <- s
				case svc.Stop, svc.Shutdown:
					select {
					case stops <- struct{}{}:
					case <-ended:
						return
					}
				}
			case <-ended:
				return
			}
		}
	}()
	report := func(s state) {
		was := <-current
		now := svc.Status{State: states[s]}
		switch s {
		case serving:
			now.Accepts = svc.AcceptStop | svc.AcceptShutdown
		case starting, stopping:
			now.CheckPoint = was.CheckPoint + 1
			now.WaitHint = uint32(10 * progressTime / time.Millisecond)
			if s == starting {
				now.Accepts = svc.AcceptStop | svc.AcceptShutdown
			}
		}
		current <- now
		if s != stopped { // svc.Run reports the end
			changes <- now
		}
	}
	if h.err = supervise(stops, told, report, h.serve); h.err != nil {
		return true, 1
	}
	return false, 0
}

// restartTime is how long the manager waits until it starts a failed service again, and resetTime
// after how long without a failure it forgets those before.
const (
	restartTime = 5 * time.Second
	resetTime   = 24 * time.Hour
)

// Create makes a service that starts with the machine, and is started again when it fails. It does
// not run yet.
func Create(name, display, account string, argv, environment []string) error {
	m, err := mgr.Connect()
	if err != nil {
		return err
	}
	defer m.Disconnect()
	s, err := m.CreateService(name, argv[0], mgr.Config{StartType: mgr.StartAutomatic,
		DisplayName: display, Description: "Answers the DNS questions of this machine.",
		ServiceStartName: account, SidType: windows.SERVICE_SID_TYPE_UNRESTRICTED}, argv[1:]...)
	if err != nil {
		return fmt.Errorf("service %s: %w", name, err)
	}
	defer s.Close()
	again := []mgr.RecoveryAction{{Type: mgr.ServiceRestart, Delay: restartTime}}
	if err := s.SetRecoveryActions(again, uint32(resetTime/time.Second)); err != nil {
		return fmt.Errorf("service %s: %w", name, err)
	}
	// A server that reports its failure has not crashed, and is to be started again all the same.
	if err := s.SetRecoveryActionsOnNonCrashFailures(true); err != nil {
		return fmt.Errorf("service %s: %w", name, err)
	}
	k, err := registry.OpenKey(registry.LOCAL_MACHINE,
		`SYSTEM\CurrentControlSet\Services\`+name, registry.SET_VALUE)
	if err != nil {
		return fmt.Errorf("service %s: %w", name, err)
	}
	defer k.Close()
	return k.SetStringsValue("Environment", environment)
}

// endTime is how long a service may take to end.
const endTime = 90 * time.Second

// Delete ends a service and removes it. One that is not there is no error: it may have been
// removed by hand. It is not only marked for removal when this returns: its program is removed
// next.
func Delete(name string) error {
	m, err := mgr.Connect()
	if err != nil {
		return err
	}
	defer m.Disconnect()
	s, err := m.OpenService(name)
	if errors.Is(err, windows.ERROR_SERVICE_DOES_NOT_EXIST) {
		return nil
	} else if err != nil {
		return fmt.Errorf("service %s: %w", name, err)
	}
	defer s.Close()
	if err := end(s); err != nil {
		return fmt.Errorf("service %s: %w", name, err)
	}
	err = s.Delete()
	if errors.Is(err, windows.ERROR_SERVICE_MARKED_FOR_DELETE) {
		return nil
	}
	return err
}

// end ends a service, and waits until it has and its process too.
func end(s *mgr.Service) error {
	status, err := s.Query()
	if err != nil || status.State == svc.Stopped {
		return err
	}
	process, opened := windows.OpenProcess(windows.SYNCHRONIZE, false, status.ProcessId)
	if opened == nil {
		defer windows.CloseHandle(process)
	}
	if _, err := s.Control(svc.Stop); err != nil &&
		!errors.Is(err, windows.ERROR_SERVICE_NOT_ACTIVE) {
		return err
	}
	for until := time.Now().Add(endTime); status.State != svc.Stopped; {
		if time.Now().After(until) {
			return errors.New("it does not end")
		}
		time.Sleep(endTime / 900)
		if status, err = s.Query(); err != nil {
			return err
		}
	}
	if opened == nil {
		_, err = windows.WaitForSingleObject(process, uint32(endTime/time.Millisecond))
	}
	return err
}
