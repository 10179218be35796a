// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package tokens

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"

	"github.com/golang-jwt/jwt/v5"
)

// publicKey is a key that tokens may be signed with, under the name by which tokens refer to it.
type publicKey struct {
	id  string
	alg jwt.SigningMethod
	key crypto.PublicKey
}

// LoadPrivateKey reads an RSA or ECDSA private key in PEM form (PKCS#1, SEC 1 or PKCS#8).
func LoadPrivateKey(path string) (crypto.Signer, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading service account signing key: %w", err)
	}
	key, err := ParsePrivateKey(data)
	if err != nil {
		return nil, fmt.Errorf("reading service account signing key %s: %w", path, err)
	}
	return key, nil
}

// ParsePrivateKey reads the first private key of a PEM file.
func ParsePrivateKey(data []byte) (crypto.Signer, error) {
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		switch block.Type {
		case "RSA PRIVATE KEY":
			return x509.ParsePKCS1PrivateKey(block.Bytes)
		case "EC PRIVATE KEY":
			return x509.ParseECPrivateKey(block.Bytes)
		case "PRIVATE KEY":
			key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
			if err != nil {
				return nil, err
			}
			signer, ok := key.(crypto.Signer)
			if !ok {
				return nil, fmt.Errorf("key of type %T cannot sign", key)
			}
			return signer, nil
		}
	}
	return nil, errors.New("no private key in PEM form found")
}

// LoadPublicKeys reads every public key of PEM files that may hold public keys, certificates or private keys.
func LoadPublicKeys(paths ...string) ([]crypto.PublicKey, error) {
	var keys []crypto.PublicKey
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("reading service account key: %w", err)
		}
		found, err := ParsePublicKeys(data)
		if err != nil {
			return nil, fmt.Errorf("reading service account key %s: %w", path, err)
		}
		keys = append(keys, found...)
	}
	return keys, nil
}

// ParsePublicKeys reads every key of a PEM file as a public key.
func ParsePublicKeys(data []byte) ([]crypto.PublicKey, error) {
	var keys []crypto.PublicKey
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		var (
			key crypto.PublicKey
			err error
		)
		switch block.Type {
		case "PUBLIC KEY":
			key, err = x509.ParsePKIXPublicKey(block.Bytes)
		case "RSA PUBLIC KEY":
			key, err = x509.ParsePKCS1PublicKey(block.Bytes)
		case "CERTIFICATE":
			var cert *x509.Certificate
			if cert, err = x509.ParseCertificate(block.Bytes); err == nil {
				key = cert.PublicKey
			}
		case "RSA PRIVATE KEY", "EC PRIVATE KEY", "PRIVATE KEY":
			var signer crypto.Signer
			if signer, err = ParsePrivateKey(pem.EncodeToMemory(block)); err == nil {
				key = signer.Public()
			}
		default:
			continue
		}
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, errors.New("no key in PEM form found")
	}
	return keys, nil
}

func describeKey(key crypto.PublicKey) (publicKey, error) {
	alg, err := algorithmOf(key)
	if err != nil {
		return publicKey{}, err
	}
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return publicKey{}, fmt.Errorf("naming a key: %w", err)
	}
	sum := sha256.Sum256(der)
	return publicKey{id: base64.RawURLEncoding.EncodeToString(sum[:]), alg: alg, key: key}, nil
}

func algorithmOf(key crypto.PublicKey) (jwt.SigningMethod, error) {
	switch k := key.(type) {
	case *rsa.PublicKey:
		return jwt.SigningMethodRS256, nil
	case *ecdsa.PublicKey:
		switch k.Curve {
		case elliptic.P256():
			return jwt.SigningMethodES256, nil
		case elliptic.P384():
			return jwt.SigningMethodES384, nil
		case elliptic.P521():
			return jwt.SigningMethodES512, nil
		}
		return nil, errors.New("only the curves P-256, P-384 and P-521 can sign tokens")
	}
	return nil, fmt.Errorf("a key of type %T cannot sign tokens: it must be RSA or ECDSA", key)
}

// webKey is a public key in the form of RFC 7517.
type webKey struct {
	Use string `json:"use"`
	Kty string `json:"kty"`
	Kid string `json:"kid"`
	Alg string `json:"alg"`
	Crv string `json:"crv,omitempty"`
	X   string `json:"x,omitempty"`
	Y   string `json:"y,omitempty"`
	N   string `json:"n,omitempty"`
	E   string `json:"e,omitempty"`
}

func (k publicKey) web() (webKey, error) {
	w := webKey{Use: "sig", Kid: k.id, Alg: k.alg.Alg()}
	switch key := k.key.(type) {
	case *rsa.PublicKey:
		w.Kty = "RSA"
		w.N = base64.RawURLEncoding.EncodeToString(key.N.Bytes())
		w.E = base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes())
	case *ecdsa.PublicKey:
		point, err := key.Bytes() // 4, then both coordinates at full length
		if err != nil {
			return webKey{}, fmt.Errorf("encoding key %s: %w", k.id, err)
		}
		half := (len(point) - 1) / 2
		w.Kty, w.Crv = "EC", key.Curve.Params().Name
		w.X = base64.RawURLEncoding.EncodeToString(point[1 : 1+half])
		w.Y = base64.RawURLEncoding.EncodeToString(point[1+half:])
	}
	return w, nil
}
