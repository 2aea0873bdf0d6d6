package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"bailiwick/internal/clock"
)

// version and revision are set by the build of a release.
var (
	version  = "development"
	revision string
)

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "version",
		Short:             "Print the version",
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		Run: func(cmd *cobra.Command, _ []string) {
			fmt.Fprintln(cmd.OutOrStdout(), versionText())
		},
	}
}

// addVersionFlag gives the program's command --version. That of cobra prints by a template, and a
// program that has templates has every exported method of its packages: a quarter of the binary.
func addVersionFlag(root *cobra.Command) {
	asked := root.Flags().BoolP("version", "v", false, "version for bailiwick")
	root.RunE = func(cmd *cobra.Command, _ []string) error {
		if *asked {
			fmt.Fprintln(cmd.OutOrStdout(), versionText())
			return nil
		}
		return helpInstead(cmd)
	}
}

// versionText returns the version, the revision that it was built from with its date, the compiler
// and the system.
func versionText() string {
	built := version
	if r := sources(); r != "" {
		built += " " + r
	}
	if t := clock.Built(); !t.IsZero() {
		built += " of " + t.UTC().Format(time.RFC3339)
	}
	if revision == "" && stamp("vcs.modified") == "true" {
		built += ", changed"
	}
	return fmt.Sprintf("bailiwick %s %s %s/%s", built, runtime.Version(), runtime.GOOS,
		runtime.GOARCH)
}

// sources returns the revision of the sources; "" if it is not known. The compiler notes it in a
// plain checkout, and in neither a work tree of git beside one nor a copy without its history.
func sources() string {
	if revision != "" {
		return revision
	}
	return stamp("vcs.revision")
}

// stamp returns what the compiler has noted of the sources; "" if it has not.
func stamp(key string) string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == key {
				return s.Value
			}
		}
	}
	return ""
}
