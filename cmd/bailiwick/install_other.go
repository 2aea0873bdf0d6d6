//go:build !linux

package main

import (
	"errors"

	"github.com/spf13/cobra"
)

// errNotHere is the error of install where there is no systemd.
var errNotHere = errors.New("install and uninstall are for Linux with systemd; elsewhere run " +
	"bailiwick serve by the system's own means")

func (f *installation) install(*cobra.Command) error   { return errNotHere }
func (f *installation) uninstall(*cobra.Command) error { return errNotHere }
