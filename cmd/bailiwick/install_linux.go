package main

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/miekg/dns"
	"github.com/spf13/cobra"

	"bailiwick/deploy"
	"bailiwick/internal/config"
	"bailiwick/internal/doctor"
	"bailiwick/internal/install"
	"bailiwick/internal/snapshot"
	"bailiwick/transport"
)

// install makes a plan, prints it or carries it out.
func (f *installation) install(cmd *cobra.Command) error {
	own, err := os.Executable()
	if err != nil {
		return err
	}
	program, err := os.ReadFile(own)
	if err != nil {
		return err
	}
	text, cfg, err := f.configuration(cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	address, err := address(cfg)
	if err != nil {
		return err
	}
	p, err := install.Make(install.Config{Root: f.root, Program: program, Unit: deploy.Unit,
		Configuration: text, Address: address, Files: f.root != "/",
		Rests: cfg.Service.Rest > 0})
	if err != nil {
		return err
	}
	if f.print {
		_, err := p.WriteTo(cmd.OutOrStdout())
		return err
	}
	if f.root == "/" {
		for _, h := range doctor.Holders("/proc", wanted(cfg)) {
			return fmt.Errorf("%w: %s", install.ErrRefused, h)
		}
	}
	if f.root == "/" && os.Geteuid() != 0 {
		return errors.New("only root can install it: sudo bailiwick install")
	}
	if err := p.Apply(f.machine(cmd.OutOrStdout(), address)); err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "installed: programs ask %s; bailiwick doctor tells how that "+
		"goes, bailiwick uninstall undoes it\n", address)
	return nil
}

// uninstall undoes an installation.
func (f *installation) uninstall(cmd *cobra.Command) error {
	kept, err := install.Undo(f.root, f.machine(cmd.OutOrStdout(), netip.Addr{}))
	for _, path := range kept {
		fmt.Fprintf(cmd.OutOrStdout(), "%s was changed since, and stays\n", path)
	}
	return err
}

// configuration returns the text that is to be the server's configuration, and what it says. One
// that is there already stays.
func (f *installation) configuration(stderr io.Writer) ([]byte, *config.Config, error) {
	name, text := usualConfig, deploy.Laptop
	there, err := os.ReadFile(filepath.Join(f.root, usualConfig))
	switch {
	case err == nil && f.config != "":
		return nil, nil, fmt.Errorf("%s is there already, and stays: leave --config out",
			usualConfig)
	case err == nil:
		text = there
	case f.config != "":
		name = f.config
		if text, err = os.ReadFile(name); err != nil {
			return nil, nil, err
		}
	}
	cfg, found := config.ReadText(name, text)
	_, more := snapshot.Load(cfg)
	return text, cfg, refuse(stderr, name, append(found, more...).Errors())
}

// address returns where programs can ask the server: an address of loopback that it listens at,
// over UDP and TCP, at the port that the C library asks. Whatever else it serves, a resolv.conf
// that names an address without a server leaves the machine without DNS
// (TechnitiumSoftware/DnsServer 2159).
func address(cfg *config.Config) (netip.Addr, error) {
	sockets := wanted(cfg)
	for i := range sockets {
		sockets[i].Addr = doctor.Reachable(sockets[i].Addr)
	}
	for _, s := range sockets {
		if s.Addr.Addr().IsLoopback() && s.Addr.Port() == transport.UDP.Port() && !s.TCP &&
			slices.Contains(sockets, doctor.Socket{Addr: s.Addr, TCP: true}) {
			return s.Addr.Addr(), nil
		}
	}
	return netip.Addr{}, fmt.Errorf("%w: the configuration does not listen over UDP and TCP at "+
		"port 53 of this machine (listen.udp, listen.tcp: 127.0.0.1:53), where programs ask",
		install.ErrRefused)
}

// machine runs the commands of an installation; none for a machine that does not run.
func (f *installation) machine(out io.Writer, address netip.Addr) install.Machine {
	if f.root != "/" {
		return install.Machine{Run: func([]string) error { return nil }}
	}
	return install.Machine{
		Run: func(argv []string) error {
			cmd := exec.Command(argv[0], argv[1:]...)
			cmd.Stdout, cmd.Stderr = out, out
			if err := cmd.Run(); err != nil {
				return fmt.Errorf("%v: %w", argv, err)
			}
			return nil
		},
		Wait: func() error { return awaitAnswer(netip.AddrPortFrom(address, 53)) },
	}
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
	return fmt.Errorf("the service does not answer at %s: %w (journalctl -u bailiwick)", at, err)
}
