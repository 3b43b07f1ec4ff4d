// What of `testing` and `testify/assert` the published tests use, for a program that ends at the first failure.

package main

import (
	"bytes"
	"fmt"
	"os"
	"reflect"
)

// Stands for testing.T, of which the tests only hand on a pointer.
type prenticeTesting struct{}

type prenticeAssertions struct{}

// Stands for the package testify/assert.
var assert prenticeAssertions

// New is assert.New.
func (prenticeAssertions) New(*prenticeTesting) prenticeAssertions { return prenticeAssertions{} }

// Equal is assert.Equal: ObjectsAreEqual decides, that is reflect.DeepEqual, and bytes.Equal for two []byte.
func (prenticeAssertions) Equal(expected, actual interface{}, _ ...interface{}) bool {
	equal := reflect.DeepEqual(expected, actual)
	if one, isBytes := expected.([]byte); isBytes {
		other, isBytes := actual.([]byte)
		equal = isBytes && (one == nil) == (other == nil) && bytes.Equal(one, other)
	}
	if !equal {
		fmt.Fprintf(os.Stderr, "expected %#v, got %#v\n", expected, actual)
		os.Exit(prenticeWrong)
	}
	return true
}
