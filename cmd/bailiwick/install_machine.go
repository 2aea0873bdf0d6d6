// What the commands install and uninstall do to the machine besides files.

package main

import (
	"bytes"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/doctor"
	"bailiwick/internal/install"
	"bailiwick/internal/service"
	"bailiwick/transport"
)

// machine runs the commands of an installation; none for a machine that does not run.
func (f *installation) machine(out io.Writer, address netip.Addr) install.Machine {
	if !f.here() {
		return install.Machine{Run: func([]string) error { return nil }}
	}
	return install.Machine{
		Run: func(argv []string) error {
			cmd := command(argv)
			cmd.Stdout, cmd.Stderr = out, out
			if err := cmd.Run(); err != nil {
				return fmt.Errorf("%v: %w", argv, err)
			}
			return nil
		},
		Wait: func() error { return awaitAnswer(netip.AddrPortFrom(address, 53)) },
		Create: func(s *install.Service) error {
			return service.Create(s.Name, s.Display, s.Account, s.Argv, s.Environment)
		},
		Delete: func(s *install.Service) error { return service.Delete(s.Name) },
	}
}

// command returns a command of the system. The folders of Windows are named: who can write in a
// folder of PATH shall not be who is run by an administrator.
func command(argv []string) *exec.Cmd {
	program := argv[0]
	if runtime.GOOS == "windows" {
		folder := filepath.Join(os.Getenv("SystemRoot"), "System32")
		if program == "powershell.exe" {
			folder = filepath.Join(folder, "WindowsPowerShell", "v1.0")
		}
		program = filepath.Join(folder, program)
	}
	return exec.Command(program, argv[1:]...)
}

// output runs a command of the system and returns what it prints.
func output(argv []string) ([]byte, error) {
	var out, errs bytes.Buffer
	cmd := command(argv)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w: %s", argv[0], err, bytes.TrimSpace(append(errs.Bytes(),
			out.Bytes()...)))
	}
	return out.Bytes(), nil
}

// free returns an error if one of the sockets that the server is to have is taken, by whom if that
// can be found.
func free(wanted []doctor.Socket) error {
	for _, h := range doctor.Holders("/proc", wanted) {
		return fmt.Errorf("%w: %s", install.ErrRefused, h)
	}
	if runtime.GOOS == "linux" {
		return nil
	}
	for _, s := range wanted {
		network := "udp"
		if s.TCP {
			network = "tcp"
		}
		if err := transport.Openable(network, s.Addr); err != nil {
			return fmt.Errorf("%w: %w", install.ErrRefused, err)
		}
	}
	return nil
}

// startTime is how long the service may take until it answers.
const startTime = 20 * time.Second

// awaitAnswer waits until a server answers at an address.
func awaitAnswer(at netip.AddrPort) error {
	var err error
	for end := time.Now().Add(startTime); time.Now().Before(end); {
		m := new(dns.Msg).SetQuestion("localhost.", dns.TypeA)
		if _, _, err = new(dns.Client).Exchange(m, at.String()); err == nil {
			return nil
		}
		time.Sleep(startTime / 100)
	}
	log := "journalctl -u bailiwick"
	switch runtime.GOOS {
	case "darwin":
		log = "/var/log/bailiwick/bailiwick.log"
	case "windows":
		log = filepath.Join(windowsFolder(), "Log", "bailiwick.log")
	}
	return fmt.Errorf("the service does not answer at %s: %w (%s%s)", at, err, log, lastLine(log))
}

// lastLine returns the last line of a log, which an installation that fails removes with all else.
func lastLine(log string) string {
	text, err := os.ReadFile(log)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if err != nil {
		return ""
	}
	return ": " + lines[len(lines)-1]
}
