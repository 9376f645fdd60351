// Stands for decoders of Zarr arrays, which the page never reads.

export default {
  fromConfig(): never {
    throw new Error('Zarr arrays are not read here')
  },
}
