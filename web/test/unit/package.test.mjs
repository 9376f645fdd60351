// Rules of the house for this folder.

import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const WEB = fileURLToPath(new URL('../../', import.meta.url))
const text = (name) => readFileSync(path.join(WEB, name), 'utf8')

function files(folder) {
  return readdirSync(path.join(WEB, folder), { withFileTypes: true }).flatMap((entry) => {
    const name = `${folder}/${entry.name}`
    return entry.isDirectory() ? files(name) : [name]
  })
}

test('files are short', () => {
  for (const name of ['src', 'mock', 'test'].flatMap(files)) {
    const lines = text(name).split('\n').length - 1
    assert.ok(lines <= 400, `${name} has ${lines} lines: split it by what it does`)
  }
})

test('versions are pinned and no registry is named', () => {
  const { dependencies, devDependencies } = JSON.parse(text('package.json'))
  for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies })) assert.match(version, /^\d+\.\d+\.\d+$/, name)
  assert.doesNotMatch(text('package-lock.json'), /"resolved"|registry/)
})

test('the page asks no other machine and evaluates no text', { skip: !existsSync(path.join(WEB, 'dist')) && 'the page is not built: npm run build' }, () => {
  for (const name of files('src')) assert.doesNotMatch(text(name), /https?:\/\/(?!www\.w3\.org\/2000\/svg)|\beval\(|new Function\(/, name)
  for (const name of files('dist').filter((each) => each.endsWith('.js'))) assert.doesNotMatch(text(name), /[^.\w]eval\(|new Function\(/, name)
  assert.doesNotMatch(text('dist/index.html'), /https?:|<script>|style=/)
})
