// NiiVue as the page needs it: large volumes are ready sooner, and labels look right in 3D.

import { Niivue } from '@niivue/niivue'

type Shader = NonNullable<Niivue['orientShaderU']>
type Shaders = Record<'orientShaderU' | 'orientShaderI' | 'orientShaderF', Shader>

// NiiVue finds uniforms by their lines: one each.
const CORNERS = `#version 300 es
in vec3 vPos;
uniform highp float coordZ;
uniform highp SAMPLER intensityVol;
flat out int slice;
void main() {
  slice = int(coordZ * float(textureSize(intensityVol, 0).z));
  gl_Position = vec4(2.0 * vPos.xy - 1.0, 0.0, 1.0);
}`
const COLORS = `#version 300 es
precision highp float;
precision highp int;
uniform highp SAMPLER intensityVol;
uniform highp sampler2D colormap;
uniform float scl_slope;
uniform float scl_inter;
uniform float cal_min;
uniform float cal_max;
uniform float opacity;
uniform float layer;
flat in int slice;
out vec4 color;
void main() {
  float value = scl_slope * float(texelFetch(intensityVol, ivec3(gl_FragCoord.xy, slice), 0).r) + scl_inter;
  float low = min(cal_min, cal_max);
  float place = (value - low) / max(0.00001, abs(cal_max - cal_min));
  // As in NiiVue's issue 1139: what is above the window's lower end is never the transparent first colour.
  if (value > low) place = max(place, 2.0 / 256.0);
  // Each volume has two rows: the first one is for negative values.
  color = texelFetch(colormap, ivec2(clamp(int(256.0 * place), 0, 255), int(2.0 * layer) + 1), 0);
  color.a *= opacity;
}`

/** Shaders that turn the voxels of an image, or of the one map over it, into colours, as NiiVue's own do, for the one case that is always so
 * here: the voxels have the texture's order, the window is plain, and nothing else lies below. NiiVue's handle reordering, thresholds and
 * blending, which takes three quarters of the time until a CT is seen where graphics are computed in software; and they draw every value of a
 * map with the same opacity. */
function colorShaders(gl: WebGL2RenderingContext, like: Shader): Shaders {
  const Kind = like.constructor as new (gl: WebGL2RenderingContext, vertex: string, fragment: string) => Shader
  const shader = (sampler: string): Shader => new Kind(gl, CORNERS.replace('SAMPLER', sampler), COLORS.replace('SAMPLER', sampler))
  return { orientShaderU: shader('usampler3D'), orientShaderI: shader('isampler3D'), orientShaderF: shader('sampler3D') }
}

/** In 3D, labels are opaque and the image is left out unless asked for: it hides what lies inside. */
export class Panes extends Niivue {
  imageIn3D = false
  labelsIn3D = true
  /** Called after every picture. */
  readonly drawn = new Set<() => void>()
  private frame = 0
  /** Dimensions of the image that is being prepared, as its header has them. */
  private header: number[] | null = null
  private colors: Shaders | null = null

  /** Also computes gradients for lights that are never on here, with every change of the window: two blurs of the whole volume and four
   * times its memory. They are the last step for the image, and the only one that asks for a texture with the header's own dimensions; from
   * then on these say one slice, until the step is over. */
  override refreshLayers(...args: Parameters<Niivue['refreshLayers']>): void {
    const { dims } = args[0].hdr!
    const depth = dims[3]
    this.header = dims
    const { orientShaderU, orientShaderI, orientShaderF } = this
    Object.assign(this, (this.colors ??= colorShaders(this.gl, orientShaderU!)))
    try {
      super.refreshLayers(...args)
    } finally {
      dims[3] = depth
      this.header = null
      Object.assign(this, { orientShaderU, orientShaderI, orientShaderF })
    }
  }

  override rgbaTex(texture: WebGLTexture | null, unit: number, dims: number[], isInit?: boolean): WebGLTexture | null {
    if (dims === this.header) {
      dims[3] = 1
      return super.rgbaTex(texture, unit, [3, 1, 1, 1], isInit)
    }
    // NiiVue forgets the texture of the overlay that it replaces, which is as large as the image.
    const old = unit === this.gl.TEXTURE2 ? this.overlayTexture : null
    return super.rgbaTex(texture ?? old, unit, dims, isInit)
  }

  /** Takes the overlays away. In 3D, NiiVue goes on showing their texture for as long as there are labels. */
  removeOverlays(): void {
    const overlays = this.volumes.slice(1)
    if (overlays.length === 0) return
    this.overlayTexture = this.rgbaTex(this.overlayTexture, this.gl.TEXTURE2, [2, 2, 2, 2], true)
    for (const volume of overlays) this.removeVolume(volume)
  }

  /** Draws once before the next picture of the screen, however often it is asked for until then: large volumes take their time. */
  override drawScene(): void {
    this.frame ||= requestAnimationFrame(() => this.drawNow())
  }

  drawNow(): void {
    cancelAnimationFrame(this.frame)
    this.frame = 0
    super.drawScene()
    for (const drawn of this.drawn) drawn()
  }

  stopDrawing(): void {
    cancelAnimationFrame(this.frame)
    this.frame = -1
  }

  override drawImage3D(...args: Parameters<Niivue['drawImage3D']>): void {
    const opacity = this.drawOpacity
    const shader = this.renderShader
    if (shader) {
      shader.use(this.gl)
      this.gl.uniform1f(shader.uniforms.backOpacity, this.imageIn3D ? 1 : 0)
    }
    this.drawOpacity = opacity > 0 && this.labelsIn3D ? 1 : 0
    super.drawImage3D(...args)
    this.drawOpacity = opacity
  }
}
