// Policy steps of one's own: this file is where they are registered. docs/hooks.md says how.

package main

import "bailiwick/internal/hook"

// hooks returns the steps, in the order in which they are asked.
func hooks() []hook.Step { return nil }
