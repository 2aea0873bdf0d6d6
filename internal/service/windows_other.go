//go:build !windows

package service

import (
	"errors"
	"os"
)

// RunAsService runs a server.
func RunAsService(serve func(signals chan os.Signal) error) error { return serve(nil) }

// errNoWindows is the error of what there is on Windows alone.
var errNoWindows = errors.New("there are no services of Windows here")

// Create fails.
func Create(string, string, string, []string, []string) error { return errNoWindows }

// Delete fails.
func Delete(string) error { return errNoWindows }
