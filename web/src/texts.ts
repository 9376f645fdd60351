// Every text of the page, in one place: for review by readers, and for translation. Those of a page are in the folder beside this file.

import { refine } from './texts/refine.ts'
import { run, runs } from './texts/runs.ts'
import { archive, files, segment, uploads } from './texts/segment.ts'
import { keys, viewer, vr } from './texts/viewer.ts'

export const texts = {
  title: 'segspec',
  skip: 'Skip to content',
  nav: { runs: 'Runs', segment: 'Segment', files: 'Files', label: 'Main' },
  theme: { label: 'Colours', system: 'As the system', light: 'Light', dark: 'Dark' },
  research: 'Research use only',
  licenses: 'Licences',
  licensesOf: ['NiiVue', 'other libraries'],
  loading: 'Loading …',
  close: 'Close',
  cancel: 'Cancel',
  back: 'Back',
  unknownPage: (path: string) => `There is no page ${path}.`,
  failed: 'This page could not be shown',
  onward: 'To the runs',
  onwardRun: 'To the run',
  dismiss: 'Close this message',
  dismissKey: 'Close this message (Escape)',

  errors: {
    unreachable: 'The server does not answer.',
    unreachableHelp: 'Is `segspec serve` still running? Start it again and open the link that it prints.',
    unauthorised: 'Open the link that `segspec serve` printed: it lets this browser in.',
    status: (code: number) => `The server answered with status ${code}.`,
    elsewhere: (host: string) => `${host} is another machine: nothing is fetched from there.`,
    webgl: 'This browser has no WebGL 2, which the viewer needs. Switch on hardware acceleration, or use a current Firefox, Chromium or Safari.',
    grid: (what: string) => `${what} is not on the grid of the image: they cannot be shown together.`,
    tooWide: (dims: readonly number[], most: number) => `The image has ${dims.join(' × ')} voxels, and the graphics of this browser take ${most} along each axis at most: it cannot be shown here, nor can its labels.`,
    image: (name: string, why: string) => `${name} cannot be shown: ${why}`,
    noLabels: 'There is nothing to show.',
  },

  runs,
  run,
  viewer,
  keys,
  refine,
  segment,
  uploads,
  archive,
  files,
  vr,
} as const
