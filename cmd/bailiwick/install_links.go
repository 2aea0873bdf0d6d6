// Network adapters that appear after an installation.

package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"bailiwick/internal/install"
)

// adopt has links that have appeared ask the server, and tells it which zones links have servers
// for: whoever asks the server and not systemd-resolved gets their names too, as far as the server
// lets a network have them.
func (f *installation) adopt() error {
	c, err := f.on()
	if err != nil {
		return err
	}
	if c.Uplinks == nil {
		return errors.New("--links is for a machine that runs")
	}
	links, err := install.Adopt(c)
	failed := []error{err}
	for i := range links {
		failed = append(failed, tellZones(&links[i]))
	}
	return errors.Join(failed...)
}

// tellZones tells the server of the zones of a link.
func tellZones(l *install.Uplink) error {
	var servers, zones []string
	for _, a := range l.Servers {
		servers = append(servers, a.String())
	}
	for _, d := range l.Domains {
		if d = strings.TrimPrefix(d, "~"); d != "." {
			zones = append(zones, d)
		}
	}
	if len(zones) == 0 || len(servers) == 0 {
		return nil
	}
	own, err := os.Executable()
	if err != nil {
		return err
	}
	_, err = output([]string{own, "ctl", "network", "set", "--servers", strings.Join(servers, ","),
		"--zones", strings.Join(zones, ","), "--", l.Name})
	if err != nil {
		return fmt.Errorf("zones of %s: %w", l.Name, err)
	}
	return nil
}
