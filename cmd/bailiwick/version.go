package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set by the build of a release.
var version = "development"

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

// versionText returns the version, the revision that it was built from with its date, the compiler
// and the system.
func versionText() string {
	built := version
	if r := stamp("vcs.revision"); r != "" {
		built += " " + r
	}
	if t := stamp("vcs.time"); t != "" {
		built += " of " + t
	}
	if stamp("vcs.modified") == "true" {
		built += ", changed"
	}
	return fmt.Sprintf("bailiwick %s %s %s/%s", built, runtime.Version(), runtime.GOOS,
		runtime.GOARCH)
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
