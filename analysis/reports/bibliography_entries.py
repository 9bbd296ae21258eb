"""BibTeX entries by DOI or arXiv identifier (or by the first words of a source that has neither)."""

import re

_TABLE = """
10.7554/eLife.108237
@article{liu2026adjoint,
  title = {Adjoint propagation of error signal through modular recurrent neural networks for biologically plausible learning},
  author = {Liu and Shu and Wang and Meng and Wang and Li and Wang and Chen},
  journal = {eLife}, volume = {15}, pages = {e108237}, year = {2026}, doi = {10.7554/eLife.108237}
}
10.3389/fncom.2017.00024
@article{scellier2017equilibrium,
  title = {Equilibrium Propagation: Bridging the Gap between Energy-Based Models and Backpropagation},
  author = {Scellier, Benjamin and Bengio, Yoshua},
  journal = {Frontiers in Computational Neuroscience}, volume = {11}, pages = {24}, year = {2017}, doi = {10.3389/fncom.2017.00024}
}
2006.03824
@article{laborieux2021scaling,
  title = {Scaling Equilibrium Propagation to Deep ConvNets by Drastically Reducing its Gradient Estimator Bias},
  author = {Laborieux, Axel and Ernoult, Maxence and Scellier, Benjamin and Bengio, Yoshua and Grollier, Julie and Querlioz, Damien},
  journal = {Frontiers in Neuroscience}, volume = {15}, pages = {633674}, year = {2021}, doi = {10.3389/fnins.2021.633674}, eprint = {2006.03824}
}
10.1162/NECO_a_00949
@article{whittington2017approximation,
  title = {An Approximation of the Error Backpropagation Algorithm in a Predictive Coding Network with Local {H}ebbian Synaptic Plasticity},
  author = {Whittington, James C. R. and Bogacz, Rafal},
  journal = {Neural Computation}, volume = {29}, number = {5}, pages = {1229--1262}, year = {2017}, doi = {10.1162/NECO_a_00949}
}
10.1038/323533a0
@article{rumelhart1986learning,
  title = {Learning representations by back-propagating errors},
  author = {Rumelhart, David E. and Hinton, Geoffrey E. and Williams, Ronald J.},
  journal = {Nature}, volume = {323}, pages = {533--536}, year = {1986}, doi = {10.1038/323533a0}
}
10.1038/ncomms13276
@article{lillicrap2016random,
  title = {Random synaptic feedback weights support error backpropagation for deep learning},
  author = {Lillicrap, Timothy P. and Cownden, Daniel and Tweed, Douglas B. and Akerman, Colin J.},
  journal = {Nature Communications}, volume = {7}, pages = {13276}, year = {2016}, doi = {10.1038/ncomms13276}
}
1609.01596
@inproceedings{nokland2016direct,
  title = {Direct Feedback Alignment Provides Learning in Deep Neural Networks},
  author = {N{\\o}kland, Arild}, booktitle = {Advances in Neural Information Processing Systems}, year = {2016}, eprint = {1609.01596}
}
1510.05067
@inproceedings{liao2016how,
  title = {How Important Is Weight Symmetry in Backpropagation?},
  author = {Liao, Qianli and Leibo, Joel Z. and Poggio, Tomaso},
  booktitle = {AAAI Conference on Artificial Intelligence}, year = {2016}, eprint = {1510.05067}
}
1904.05391
@inproceedings{akrout2019deep,
  title = {Deep Learning without Weight Transport},
  author = {Akrout, Mohamed and Wilson, Collin and Humphreys, Peter C. and Lillicrap, Timothy P. and Tweed, Douglas},
  booktitle = {Advances in Neural Information Processing Systems}, year = {2019}, eprint = {1904.05391}
}
2405.20594
@misc{li2024deep,
  title = {Deep Learning without Weight Symmetry},
  author = {Li, Ji-An and Benna, Marcus K.}, year = {2024}, eprint = {2405.20594}, archiveprefix = {arXiv}
}
2108.13446
@misc{sanfiz2021benchmarking,
  title = {Benchmarking the Accuracy and Robustness of Feedback Alignment Algorithms},
  author = {Jim{\\'e}nez Sanfiz, Albert and Akrout, Mohamed}, year = {2021}, eprint = {2108.13446}, archiveprefix = {arXiv}
}
2212.10249
@misc{max2022learning,
  title = {Learning efficient backprojections across cortical hierarchies in real time},
  author = {Max, Kevin and others}, year = {2022}, eprint = {2212.10249}, archiveprefix = {arXiv}
}
2412.20018
@misc{liao2024self,
  title = {Self-Assembly of a Biologically Plausible Learning Circuit},
  author = {Liao, Qianli and Ziyin, Liu and Gan, Yulu and Cheung, Brian and Harnett, Mark and Poggio, Tomaso},
  year = {2024}, eprint = {2412.20018}, archiveprefix = {arXiv}
}
2505.02248
@misc{ziyin2025heterosynaptic,
  title = {Heterosynaptic Circuits Are Universal Gradient Machines},
  author = {Ziyin, Liu and Chuang, Isaac and Poggio, Tomaso}, year = {2025}, eprint = {2505.02248}, archiveprefix = {arXiv}
}
2409.19841
@inproceedings{kao2024counter,
  title = {Counter-Current Learning: A Biologically Plausible Dual Network Approach for Deep Learning},
  author = {Kao, Chia-Hsiang and Hariharan, Bharath},
  booktitle = {Advances in Neural Information Processing Systems}, year = {2024}, eprint = {2409.19841}
}
2206.01338
@inproceedings{liu2022biologically,
  title = {Biologically-plausible backpropagation through arbitrary timespans via local neuromodulators},
  author = {Liu, Yuhan Helena and Smith, Stephen and Mihalas, Stefan and Shea-Brown, Eric and S{\\"u}mb{\\"u}l, Uygar},
  booktitle = {Advances in Neural Information Processing Systems}, year = {2022}, eprint = {2206.01338}
}
10.1073/pnas.2111821118
@article{liu2021cell,
  title = {Cell-type-specific neuromodulation guides synaptic credit assignment in a spiking neural network},
  author = {Liu, Yuhan Helena and Smith, Stephen and Mihalas, Stefan and Shea-Brown, Eric and S{\\"u}mb{\\"u}l, Uygar},
  journal = {Proceedings of the National Academy of Sciences}, volume = {118}, number = {51}, pages = {e2111821118}, year = {2021},
  doi = {10.1073/pnas.2111821118}
}
10.1038/s41467-020-17236-y
@article{bellec2020solution,
  title = {A solution to the learning dilemma for recurrent networks of spiking neurons},
  author = {Bellec, Guillaume and Scherr, Franz and Subramoney, Anand and Hajek, Elias and Salaj, Darjan and Legenstein, Robert and Maass, Wolfgang},
  journal = {Nature Communications}, volume = {11}, pages = {3625}, year = {2020}, doi = {10.1038/s41467-020-17236-y}
}
10.7554/eLife.43299
@article{murray2019local,
  title = {Local online learning in recurrent networks with random feedback},
  author = {Murray, James M.}, journal = {eLife}, volume = {8}, pages = {e43299}, year = {2019}, doi = {10.7554/eLife.43299}
}
10.1109/5.58337
@article{werbos1990backpropagation,
  title = {Backpropagation through time: what it does and how to do it},
  author = {Werbos, Paul J.},
  journal = {Proceedings of the IEEE}, volume = {78}, number = {10}, pages = {1550--1560}, year = {1990}, doi = {10.1109/5.58337}
}
10.1162/neco.1989.1.2.270
@article{williams1989learning,
  title = {A Learning Algorithm for Continually Running Fully Recurrent Neural Networks},
  author = {Williams, Ronald J. and Zipser, David},
  journal = {Neural Computation}, volume = {1}, number = {2}, pages = {270--280}, year = {1989}, doi = {10.1162/neco.1989.1.2.270}
}
10.1162/neco.1990.2.4.490
@article{williams1990efficient,
  title = {An Efficient Gradient-Based Algorithm for On-Line Training of Recurrent Network Trajectories},
  author = {Williams, Ronald J. and Peng, Jing},
  journal = {Neural Computation}, volume = {2}, number = {4}, pages = {490--501}, year = {1990}, doi = {10.1162/neco.1990.2.4.490}
}
2006.07232
@inproceedings{menick2021practical,
  title = {Practical Real Time Recurrent Learning with a Sparse Approximation},
  author = {Menick, Jacob and Elsen, Erich and Evci, Utku and Osindero, Simon and Simonyan, Karen and Graves, Alex},
  booktitle = {International Conference on Learning Representations}, year = {2021}, eprint = {2006.07232}
}
1702.05043
@inproceedings{tallec2018unbiased,
  title = {Unbiased Online Recurrent Optimization},
  author = {Tallec, Corentin and Ollivier, Yann},
  booktitle = {International Conference on Learning Representations}, year = {2018}, eprint = {1702.05043}
}
1805.10842
@inproceedings{mujika2018approximating,
  title = {Approximating Real-Time Recurrent Learning with Random {K}ronecker Factors},
  author = {Mujika, Asier and Meier, Florian and Steger, Angelika},
  booktitle = {Advances in Neural Information Processing Systems}, year = {2018}, eprint = {1805.10842}
}
1608.05343
@inproceedings{jaderberg2017decoupled,
  title = {Decoupled Neural Interfaces using Synthetic Gradients},
  author = {Jaderberg, Max and Czarnecki, Wojciech Marian and Osindero, Simon and Vinyals, Oriol and Graves, Alex and Silver, David and Kavukcuoglu, Koray},
  booktitle = {International Conference on Machine Learning}, year = {2017}, eprint = {1608.05343}
}
https://openreview.net/forum?id=ryGfnoC5KQ
@inproceedings{roth2019kernel,
  title = {Kernel {RNN} Learning ({KeRNL})},
  author = {Roth, Christopher and Kanitscheider, Ingmar and Fiete, Ila},
  booktitle = {International Conference on Learning Representations}, year = {2019}
}
1907.02649
@article{marschall2020unified,
  title = {A Unified Framework of Online Learning Algorithms for Training Recurrent Neural Networks},
  author = {Marschall, Owen and Cho, Kyunghyun and Savin, Cristina},
  journal = {Journal of Machine Learning Research}, volume = {21}, number = {135}, year = {2020}, eprint = {1907.02649}
}
1412.7525
@inproceedings{lee2015difference,
  title = {Difference Target Propagation},
  author = {Lee, Dong-Hyun and Zhang, Saizheng and Fischer, Asja and Bengio, Yoshua},
  booktitle = {ECML PKDD}, year = {2015}, eprint = {1412.7525}
}
2006.14331
@inproceedings{meulemans2020theoretical,
  title = {A Theoretical Framework for Target Propagation},
  author = {Meulemans, Alexander and Carzaniga, Francesco S. and Suykens, Johan A. K. and Sacramento, Jo{\\~a}o and Grewe, Benjamin F.},
  booktitle = {Advances in Neural Information Processing Systems}, year = {2020}, eprint = {2006.14331}
}
2201.13415
@inproceedings{ernoult2022towards,
  title = {Towards Scaling Difference Target Propagation by Learning Backprop Targets},
  author = {Ernoult, Maxence and others}, booktitle = {International Conference on Machine Learning}, year = {2022}, eprint = {2201.13415}
}
2212.10352
@inproceedings{shibuya2023fixed,
  title = {Fixed-Weight Difference Target Propagation},
  author = {Shibuya, Tatsukichi and Inoue, Nakamasa and Kawakami, Rei and Sato, Ikuro},
  booktitle = {AAAI Conference on Artificial Intelligence}, year = {2023}, eprint = {2212.10352}
}
1909.01311
@article{frenkel2021learning,
  title = {Learning Without Feedback: Fixed Random Learning Signals Allow for Feedforward Training of Deep Neural Networks},
  author = {Frenkel, Charlotte and Lefebvre, Martin and Bol, David},
  journal = {Frontiers in Neuroscience}, volume = {15}, pages = {629892}, year = {2021}, doi = {10.3389/fnins.2021.629892}, eprint = {1909.01311}
}
10.24432/C50P49
@misc{alpaydin1998optical,
  title = {Optical Recognition of Handwritten Digits}, author = {Alpaydin, E. and Kaynak, C.},
  howpublished = {UCI Machine Learning Repository}, year = {1998}, doi = {10.24432/C50P49}
}
10.1109/5.726791
@article{lecun1998gradient,
  title = {Gradient-based learning applied to document recognition},
  author = {LeCun, Yann and Bottou, L{\\'e}on and Bengio, Yoshua and Haffner, Patrick},
  journal = {Proceedings of the IEEE}, volume = {86}, number = {11}, pages = {2278--2324}, year = {1998}, doi = {10.1109/5.726791}
}
1708.07747
@misc{xiao2017fashion,
  title = {{Fashion-MNIST}: a Novel Image Dataset for Benchmarking Machine Learning Algorithms},
  author = {Xiao, Han and Rasul, Kashif and Vollgraf, Roland}, year = {2017}, eprint = {1708.07747}, archiveprefix = {arXiv}
}
Krizhevsky (2009)
@techreport{krizhevsky2009learning,
  title = {Learning Multiple Layers of Features from Tiny Images}, author = {Krizhevsky, Alex},
  institution = {University of Toronto}, year = {2009}
}
Netzer et al. (2011)
@inproceedings{netzer2011reading,
  title = {Reading Digits in Natural Images with Unsupervised Feature Learning},
  author = {Netzer, Yuval and Wang, Tao and Coates, Adam and Bissacco, Alessandro and Wu, Bo and Ng, Andrew Y.},
  booktitle = {NIPS Workshop on Deep Learning and Unsupervised Feature Learning}, year = {2011}
}
Coates, Ng and Lee (2011)
@inproceedings{coates2011analysis,
  title = {An Analysis of Single-Layer Networks in Unsupervised Feature Learning},
  author = {Coates, Adam and Ng, Andrew and Lee, Honglak}, booktitle = {AISTATS, PMLR 15}, pages = {215--223}, year = {2011}
}
10.1007/s11263-015-0816-y
@article{russakovsky2015imagenet,
  title = {{ImageNet} Large Scale Visual Recognition Challenge}, author = {Russakovsky, Olga and others},
  journal = {International Journal of Computer Vision}, volume = {115}, pages = {211--252}, year = {2015}, doi = {10.1007/s11263-015-0816-y}
}
10.1038/s41597-022-01721-8
@article{yang2023medmnist,
  title = {{MedMNIST} v2: A large-scale lightweight benchmark for 2D and 3D biomedical image classification},
  author = {Yang, Jiancheng and others}, journal = {Scientific Data}, volume = {10}, pages = {41}, year = {2023}, doi = {10.1038/s41597-022-01721-8}
}
10.7554/eLife.86365
@article{wang2023brainpy,
  title = {{BrainPy}, a flexible, integrative, efficient, and extensible framework for general-purpose brain dynamics programming},
  author = {Wang, Chaoming and Zhang, Tianqiu and Chen, Xiaoyu and He, Sichao and Li, Shangyang and Wu, Si},
  journal = {eLife}, volume = {12}, pages = {e86365}, year = {2023}, doi = {10.7554/eLife.86365}
}
jax
@software{jax2018github,
  title = {{JAX}: composable transformations of {Python+NumPy} programs},
  author = {Bradbury, James and Frostig, Roy and Hawkins, Peter and Johnson, Matthew James and Leary, Chris and Maclaurin, Dougal and Necula, George
    and Paszke, Adam and VanderPlas, Jake and Wanderman-Milne, Skye and Zhang, Qiao},
  url = {http://github.com/jax-ml/jax}, year = {2018}
}
"""


def _read(table: str) -> dict[str, str]:
    """Split the table (a line with a key, then its entry), and list every entry by its DOI and identifier too."""
    found: dict[str, str] = {}
    key, lines = "", []
    for line in table.strip().splitlines():
        if not lines and not line.startswith("@"):
            key = line
            continue
        lines.append(line)
        if line == "}":
            found[key], lines = "\n".join(lines), []
    for entry in list(found.values()):
        found |= {name: entry for name in re.findall(r"(?:doi|eprint) = \{([^}]+)\}", entry)}
    return found


ENTRIES = _read(_TABLE)
