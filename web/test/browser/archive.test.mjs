// The archive on the page, with the mock server.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { faint } from './contrast.mjs'
import { lab, skip } from './lab.mjs'

const asked = (server) => server.state.requests.filter((request) => request.includes('/api/pacs'))

test('archive: studies are found, a series is fetched, segmented, and the result is sent back, by keyboard alone', { skip }, async (t) => {
  const { open, server } = await lab(t, { pacs: true })
  const { page, clean, shot } = await open('#/segment')
  /** Walks with Tab until the focus is on the control of this name. */
  const walk = async (name) => {
    for (let i = 0; i < 60; i++) {
      await page.keyboard.press('Tab')
      const found = await page.evaluate(() => {
        const at = document.activeElement
        return { name: (at.getAttribute('aria-label') ?? at.labels?.[0]?.textContent ?? at.textContent ?? '').trim(), visible: getComputedStyle(at).outlineStyle !== 'none', body: at === document.body, link: at.matches('a') }
      })
      if (!found.body) assert.ok(found.visible, `the focus is visible on ${found.name}`)
      if (found.name === name && !found.link) return
    }
    assert.fail(`${name} was not reached`)
  }
  assert.deepEqual(asked(server), [], 'nothing is asked before a button is pressed')
  await walk('Patient name')
  await page.keyboard.type('doe*')
  await walk('Date from')
  await page.keyboard.type('01012024')
  await page.keyboard.press('Enter')
  await page.getByText('2 studies', { exact: true }).waitFor()
  assert.deepEqual(asked(server), ['POST /api/pacs/studies'])
  assert.match(await page.locator('.studies').textContent(), /Doe Jane, P1731 Jan 2024AbdomenCT, SEG.*Doe Jane, P172 Mar 2025HeadMR/)
  await walk('Series of Abdomen')
  await page.keyboard.press('Enter')
  await page.getByText('2, CT, Abdomen 1.0, 24 objects').waitFor()
  assert.equal(await page.getByRole('button', { name: /^Fetch .*SEG/ }).count(), 0, 'segmentations are no images')
  await shot('archive-series')
  assert.deepEqual(await page.evaluate(faint), [])
  await walk('Fetch 2, CT, Abdomen 1.0, 24 objects')
  await page.keyboard.press('Enter')
  await page.getByText(/^From the archive: \d+ of 24 objects, /).waitFor()
  await shot('archive-fetching')
  await page.getByRole('button', { name: 'Segment', exact: true }).waitFor()
  await walk('Segment')
  await page.keyboard.press('Enter')
  await page.getByText(/^Done in/).waitFor({ timeout: 20_000 })
  assert.deepEqual(server.state.sent, [])
  await walk('Send to archive')
  await page.keyboard.press('Enter')
  await page.getByRole('dialog').getByText('cannot be taken back').waitFor()
  await walk('Send')
  await page.keyboard.press('Enter')
  await page.getByText('The archive has stored it.').waitFor()
  await shot('archive-sent')
  assert.equal(server.state.sent.length, 1)
  assert.match(server.state.sent[0], / prediction$/)
  assert.ok(await page.getByRole('button', { name: 'Send to archive' }).isDisabled())
  // What was found is still there for the next series.
  await page.getByRole('button', { name: 'Segment something else' }).click()
  await page.getByText('2, CT, Abdomen 1.0, 24 objects').waitFor()
  await clean()
})

test('archive: what it refuses is said, what takes long can be stopped, and without an archive there is no search', { skip }, async (t) => {
  const { open, server } = await lab(t, { pacs: true })
  const { page, errors, clean } = await open('#/segment')
  const find = async (patient) => {
    await page.getByLabel('Patient ID').fill(patient)
    await page.getByRole('button', { name: 'Find studies' }).click()
  }
  await find('down')
  await page.locator('.failure', { hasText: 'Connection refused' }).waitFor()
  await find('nobody')
  await page.getByText('No study fits.').waitFor()
  assert.equal(await page.locator('.archive .failure').count(), 0)
  await find('silent')
  await page.getByText('The archive is being asked …').waitFor()
  await page.locator('.archive').getByRole('button', { name: 'Cancel' }).click()
  await page.waitForFunction(() => document.querySelector('.archive [role=status]').textContent === '')
  await find('')
  await page.getByText('3 studies', { exact: true }).waitFor()

  // A fetch that is cancelled is dropped on the server, and the search is still there.
  await page.getByRole('button', { name: 'Series of Head' }).click()
  await page.getByRole('button', { name: 'Fetch 1, MR, T1, 160 objects' }).click()
  await page.getByText(/^From the archive: [1-9]\d* of 160/).waitFor()
  await page.getByRole('button', { name: 'Cancel' }).click()
  await page.getByText('3 studies', { exact: true }).waitFor()
  assert.ok(server.state.requests.some((request) => request.startsWith('DELETE /api/uploads/')))

  // Of an anonymous copy, nothing is sent back.
  await page.getByLabel('Remove what identifies the patient').check()
  await page.getByRole('button', { name: 'Series of Abdomen' }).click()
  await page.getByRole('button', { name: /^Fetch 2, CT/ }).click()
  await page.getByRole('button', { name: 'Segment', exact: true }).click()
  await page.getByText(/^Done in/).waitFor({ timeout: 20_000 })
  assert.equal(await page.getByRole('button', { name: 'Send to archive' }).count(), 0)

  // Objects that the archive does not take.
  server.state.refuse = true
  await page.getByRole('button', { name: 'Segment something else' }).click()
  await page.getByRole('button', { name: /^Fetch 2, CT/ }).click()
  await page.getByRole('button', { name: 'Segment', exact: true }).click()
  await page.getByRole('button', { name: 'Send to archive' }).click()
  await page.getByRole('button', { name: 'Send', exact: true }).click()
  await page.getByText('The archive did not store it: processing failure (272)').waitFor()
  assert.ok(await page.getByRole('button', { name: 'Send to archive' }).isEnabled())
  // Chromium tells of the 502 that the page has told already.
  assert.ok(errors.every((error) => error.includes('502')), String(errors))
  errors.length = 0
  await clean()

  server.state.pacs = false
  const second = await open('#/segment')
  assert.equal(await second.page.locator('.archive').count(), 0)
  const bearer = { authorization: 'Bearer mock' }
  for (const [method, place] of [['POST', 'studies'], ['GET', 'studies/1.2/series'], ['POST', 'uploads']]) {
    const answer = await fetch(`${server.url}/api/pacs/${place}`, { method, headers: bearer, body: method === 'POST' ? '{}' : undefined })
    assert.equal(answer.status, 409, place)
  }
  assert.equal((await fetch(`${server.url}/api/jobs/1/pacs`, { method: 'POST', headers: bearer })).status, 409)
  await second.clean()
})

test('archive: dark and on a phone, readable and without a sideways scroll', { skip }, async (t) => {
  const { open } = await lab(t, { pacs: true })
  for (const [looks, options] of Object.entries({ dark: { dark: true }, phone: { width: 390, height: 800, hasTouch: true } })) {
    const { page, clean, shot } = await open('#/segment', options)
    await page.getByRole('button', { name: 'Find studies' }).click()
    await page.getByRole('button', { name: 'Series of Abdomen' }).click()
    await page.getByText('2, CT, Abdomen 1.0, 24 objects').waitFor()
    await page.locator('.archive').scrollIntoViewIfNeeded()
    await page.getByText('300, SEG').scrollIntoViewIfNeeded()
    await shot(`archive-${looks}`)
    assert.deepEqual(await page.evaluate(faint), [], looks)
    const [scroll, width] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth])
    assert.ok(scroll <= width, `${looks}: ${scroll} px in a window of ${width} px`)
    await clean()
  }
})
