// What is wrong with a configuration, as a command tells it.

package main

import (
	"errors"
	"fmt"
	"io"

	"bailiwick/internal/config"
	"bailiwick/internal/migrate"
)

// readConfig reads a file; the default configuration if there is none.
func readConfig(file string) (*config.Config, config.Findings) {
	if file == "" {
		return config.Default(), nil
	}
	return config.Read(file)
}

// refuse prints findings, each on a line that editors understand, and is the error if serve cannot
// go on with them.
func refuse(out io.Writer, file string, found config.Findings) error {
	for _, f := range found {
		fmt.Fprintln(out, f)
	}
	n := len(found.Errors())
	if n == 0 {
		return nil
	}
	if file == "" {
		file = "the configuration"
	}
	text := file + ": " + plural(n, "error")
	if whose := migrate.Whose(file); whose != "" {
		text += "; it seems to be of " + whose + ", of which `bailiwick import FILE` makes a " +
			"configuration"
	}
	return &exitError{errors.New(text), 1}
}

// plural counts things, in words.
func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
