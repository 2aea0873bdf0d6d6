// The commands install and uninstall.

package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"bailiwick/deploy"
	"bailiwick/internal/clock"
	"bailiwick/internal/config"
	"bailiwick/internal/doctor"
	"bailiwick/internal/install"
	"bailiwick/internal/preset"
	"bailiwick/internal/snapshot"
	"bailiwick/transport"
)

// installation is a run of the command install or uninstall, by its flags.
type installation struct {
	root, config, preset string
	print, links         bool
}

// thisRoot is the root of this machine, as the flag names it.
const thisRoot = "/"

func installCommand() *cobra.Command {
	var f installation
	cmd := &cobra.Command{
		Use:   "install",
		Short: "Install the server as a service, and have this machine's programs ask it",
		Long: "Copy this program to its place, install and start its service, wait until it " +
			"answers, and have programs ask it. If a step fails, all are undone. bailiwick " +
			"uninstall puts back what was there.\n\n" +
			"Linux: /usr/local/bin, a unit of systemd, /etc/resolv.conf, and drop-ins for " +
			"systemd-resolved, NetworkManager and others that write it, where they are. Nothing " +
			"of others is overwritten but resolv.conf; openresolv's file gets a line.\n" +
			"macOS: /usr/local/bin, a daemon of launchd, and the DNS servers of all enabled " +
			"network services of hardware.\n" +
			"Windows: \\Program Files\\Bailiwick, a service, and the DNS servers of all adapters " +
			"of hardware.\n\n" + exitStatuses,
		Example: "  bailiwick install --print\n  sudo bailiwick install --preset quad9\n" +
			"  sudo bailiwick install --config mine.yaml",
		Args: cobra.NoArgs, ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.links {
				return f.adopt()
			}
			return f.install(cmd)
		},
	}
	cmd.Flags().BoolVar(&f.links, "links", false, "install nothing, but have network adapters "+
		"that have appeared since ask the server; what is installed runs this by itself")
	cmd.Flags().StringVarP(&f.config, "config", "c", "", "`FILE` that becomes the "+
		"configuration, if there is none (default: one for this machine alone at 127.0.0.1)")
	cmd.Flags().StringVar(&f.preset, "preset", "", "have the configuration ask the public "+
		"resolver `NAME` (bailiwick presets) over encrypted transports, with profile: stub")
	cmd.Flags().BoolVar(&f.print, "print", false,
		"print every file and command, and change nothing")
	cmd.Flags().StringVar(&f.root, "root", thisRoot,
		"`FOLDER` of a machine that does not run: files alone, and no command is run")
	cmd.MarkFlagsMutuallyExclusive("config", "preset", "links")
	cmd.MarkFlagsMutuallyExclusive("print", "links")
	_ = cmd.RegisterFlagCompletionFunc("config", completeConfig) // the flag is there
	_ = cmd.RegisterFlagCompletionFunc("preset", cobra.FixedCompletions(preset.Names(),
		cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func uninstallCommand() *cobra.Command {
	var f installation
	cmd := &cobra.Command{
		Use:   "uninstall",
		Short: "Undo bailiwick install: every file is as it was",
		Long: "Undo bailiwick install, also one that has ended halfway: programs ask whom they " +
			"asked before, the service is ended and removed, and every file is as it was. What " +
			"was changed by others since is left as it is, and listed.\n\n" + exitStatuses,
		Example: "  sudo bailiwick uninstall",
		Args:    cobra.NoArgs, ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.uninstall(cmd) },
	}
	cmd.Flags().StringVar(&f.root, "root", thisRoot,
		"`FOLDER` of a machine that does not run: files alone, and no command is run")
	return cmd
}

// here reports whether the installation is on this machine, which runs.
func (f *installation) here() bool { return f.root == thisRoot }

// on returns where the installation is. The links are those of this machine, and are not set by the
// record of another one.
func (f *installation) on() (c install.Config, err error) {
	c = install.Config{Root: f.root, Files: !f.here()}
	switch runtime.GOOS {
	case "linux":
		if f.here() {
			c.Uplinks = install.Resolved{Output: output, Root: f.root, Boot: clock.BootID()}
		}
	case "darwin":
		if c.System = install.Launchd; f.here() {
			c.Uplinks = install.NetworkSetup{Output: output}
		}
	case "windows":
		c.System, c.Volume = install.Windows, windowsVolume()
		if f.here() {
			c.Root, c.Uplinks = c.Volume+`\`, install.PowerShell{Output: output}
		}
	default:
		return c, errors.New("install and uninstall are for Linux with systemd, macOS and " +
			"Windows; elsewhere run bailiwick serve by the system's own means")
	}
	return c, nil
}

// install makes a plan, prints it or carries it out.
func (f *installation) install(cmd *cobra.Command) error {
	c, err := f.on()
	if err != nil {
		return err
	}
	own, err := os.Executable()
	if err != nil {
		return err
	}
	if c.Program, err = os.ReadFile(own); err != nil {
		return err
	}
	c.IPv6 = hasIPv6()
	text, cfg, err := f.configuration(cmd.ErrOrStderr(), c.IPv6 && c.System != install.Systemd)
	if err != nil {
		return err
	}
	c.Unit, c.Configuration, c.Rests = deploy.Unit, text, cfg.Service.Rest > 0
	if c.Addresses, err = askable(cfg); err != nil {
		return err
	}
	p, err := install.Make(c)
	if err != nil {
		return err
	}
	if f.print {
		_, err := p.WriteTo(cmd.OutOrStdout())
		return err
	}
	if f.here() {
		if err := free(wanted(cfg)); err != nil {
			return err
		}
		if !administrator() {
			return errors.New("only an administrator can install it: sudo bailiwick install")
		}
	}
	if err := p.Apply(f.machine(cmd.OutOrStdout(), c.Addresses[0])); err != nil {
		return err
	}
	for _, note := range p.Notes {
		fmt.Fprintln(cmd.OutOrStdout(), note)
	}
	fmt.Fprintf(cmd.OutOrStdout(), "installed: programs ask %s; bailiwick doctor tells how that "+
		"goes, bailiwick uninstall undoes it\n", c.Addresses[0])
	return nil
}

// uninstall undoes an installation.
func (f *installation) uninstall(cmd *cobra.Command) error {
	c, err := f.on()
	if err != nil {
		return err
	}
	kept, err := install.Undo(c, f.machine(cmd.OutOrStdout(), netip.Addr{}))
	for _, path := range kept {
		fmt.Fprintf(cmd.OutOrStdout(), "%s: changed since, and left as it is\n", path)
	}
	return err
}

// hasIPv6 reports whether this machine has ::1.
func hasIPv6() bool {
	addrs, _ := net.InterfaceAddrs()
	return slices.ContainsFunc(addrs, func(a net.Addr) bool {
		n, ok := a.(*net.IPNet)
		return ok && n.IP.Equal(net.IPv6loopback)
	})
}

// configuration returns the text that is to be the server's configuration, and what it says. One
// that is there already stays.
func (f *installation) configuration(stderr io.Writer, ipv6 bool) ([]byte, *config.Config,
	error) {
	name, text := usualConfig, laptop(f.preset, ipv6)
	there, err := os.ReadFile(filepath.Join(f.root,
		strings.TrimPrefix(usualConfig, filepath.VolumeName(usualConfig))))
	switch {
	case err == nil && f.config+f.preset != "":
		return nil, nil, fmt.Errorf("%s is there already, and stays: leave --config and --preset "+
			"out", usualConfig)
	case err == nil:
		text = there
	case f.config != "":
		name = f.config
		if text, err = os.ReadFile(name); err != nil {
			return nil, nil, err
		}
	}
	if _, known := preset.Find(f.preset); f.preset != "" && !known {
		return nil, nil, fmt.Errorf("%q is no preset: %s", f.preset,
			strings.Join(preset.Names(), ", "))
	}
	cfg, found := config.ReadText(name, text)
	_, more := snapshot.Load(cfg)
	return text, cfg, refuse(stderr, name, append(found, more...).Errors())
}

// laptop returns the configuration for a machine's own programs, that asks a preset if one is
// named, and listens at ::1 too. macOS and Windows are told addresses of both families: else they
// ask the servers that a network announces for IPv6 (AdguardTeam/AdGuardHome 1876, nextdns/windows
// 15).
func laptop(preset string, ipv6 bool) []byte {
	text := string(deploy.Laptop)
	if ipv6 {
		text = strings.ReplaceAll(text, `["127.0.0.1:53"]`, `["127.0.0.1:53", "[::1]:53"]`)
	}
	if preset != "" {
		text += fmt.Sprintf("\nprofile: stub\nresolver:\n  forward_zones:\n"+
			"    - {name: \".\", preset: %q}\n", preset)
	}
	return []byte(text)
}

// askable returns where programs can ask the server: addresses of loopback that it listens at, over
// UDP and TCP, at the port that the C library asks. Whatever else it serves, a resolv.conf that
// names an address without a server leaves the machine without DNS (TechnitiumSoftware/DnsServer
// 2159).
func askable(cfg *config.Config) (addrs []netip.Addr, err error) {
	sockets := wanted(cfg)
	for i := range sockets {
		sockets[i].Addr = doctor.Reachable(sockets[i].Addr)
	}
	for _, s := range sockets {
		if a := s.Addr.Addr(); a.IsLoopback() && s.Addr.Port() == transport.UDP.Port() && !s.TCP &&
			slices.Contains(sockets, doctor.Socket{Addr: s.Addr, TCP: true}) &&
			!slices.Contains(addrs, a) {
			addrs = append(addrs, a)
		}
	}
	if len(addrs) == 0 {
		return nil, fmt.Errorf("%w: the configuration does not listen over UDP and TCP at port 53 "+
			"of this machine (listen.udp, listen.tcp: 127.0.0.1:53), where programs ask",
			install.ErrRefused)
	}
	return addrs, nil
}
